package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/store"
)

// A thread is known over a restart, for 30 days, until it is removed.
func TestThreads(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	began := time.Now().Add(-time.Hour).UTC()
	one := store.Thread{Hook: "alerts", Key: "group", To: "juliet@example.com", Ref: "r1_x", Time: began}
	old := store.Thread{Hook: "alerts", Key: "old", To: "juliet@example.com", Ref: "r1_y", Time: began.Add(-store.ThreadKeep)}
	for _, put := range []store.Thread{one, old} {
		require.NoError(t, s.Threads().Put(t.Context(), put))
	}
	is := func(want string) {
		t.Helper()
		got, ok := s.Threads().Get("alerts", "group", "juliet@example.com")
		if ok != (want != "") || got.Ref != want || ok && !got.Time.Equal(began) {
			t.Errorf("%+v %v, want %q", got, ok, want)
		}
	}
	is("r1_x")
	one.Ref = "r1_z"
	require.NoError(t, s.Threads().Put(t.Context(), one))
	s.Close()
	s = open(t, dir)
	defer s.Close()
	is("r1_z")
	for _, other := range [][3]string{{"other", "group", "juliet@example.com"}, {"alerts", "x", "juliet@example.com"}, {"alerts", "group", "romeo@example.com"}, {"alerts", "old", "juliet@example.com"}} {
		if got, ok := s.Threads().Get(other[0], other[1], other[2]); ok {
			t.Errorf("%v is %+v", other, got)
		}
	}
	if n := s.Threads().Count("alerts"); n != 1 {
		t.Errorf("%d threads", n)
	}
	if one.Ref = "r1_known"; !s.Threads().Know(one) || s.Threads().Know(old) {
		t.Error("what is known can be changed, and nothing else")
	}
	is("r1_known")
}

// A hook with large threads costs others theirs as little, also over a restart: the stream removes the
// oldest of all when it is full.
func TestThreadBytes(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put := func(hook string, i int, more string) {
		t.Helper()
		require.NoError(t, s.Threads().Put(t.Context(), store.Thread{Hook: hook, Key: fmt.Sprint(i, more), To: "u@example.com", Ref: "r", Time: time.Now()}))
	}
	put("quiet", 1, "")
	for i := range 3000 {
		put("loud", i, strings.Repeat("<", 500))
	}
	for range 2 {
		if n := s.Threads().Count("loud"); n == 0 || n > 2000 {
			t.Errorf("%d threads of the loud hook", n)
		}
		if n := s.Threads().Count("quiet"); n != 1 {
			t.Fatalf("%d threads of the quiet hook", n)
		}
		s.Close()
		s = open(t, dir)
	}
	s.Close()
}

// Over the bound the oldest of the hook with the most goes, in memory and on disk.
func TestThreadShares(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	s.Threads().SetMost(10)
	put := func(hook string, i int) {
		t.Helper()
		require.NoError(t, s.Threads().Put(t.Context(), store.Thread{Hook: hook, Key: fmt.Sprint(i), To: "u@example.com", Ref: "r", Time: time.Now()}))
	}
	put("few", 0)
	for i := range 15 {
		put("many", i)
	}
	check := func() {
		t.Helper()
		if few, many := s.Threads().Count("few"), s.Threads().Count("many"); few != 1 || many != 9 {
			t.Errorf("%d of few and %d of many", few, many)
		}
		for i := range 15 {
			if _, ok := s.Threads().Get("many", fmt.Sprint(i), "u@example.com"); ok != (i >= 6) {
				t.Errorf("%d: %v", i, ok)
			}
		}
	}
	check()
	s.Close()
	s = open(t, dir)
	defer s.Close()
	check()
}
