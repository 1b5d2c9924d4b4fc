package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store"
)

// Messages that wait for rooms take what they may take, and corrections have their room all the same.
// What is removed makes room again, also after a restart.
func TestWaitingMessagesHaveBounds(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	n := 0
	message := func(owner string) *store.WaitingMessage {
		n++
		return &store.WaitingMessage{Owner: owner, Time: time.UnixMilli(int64(n)), Stanza: fmt.Sprintf("<message id='%d'>%s</message>", n, strings.Repeat("x", 8000))}
	}
	put := func(w *store.WaitingMessages, owner string) (*store.WaitingMessage, error) {
		m := message(owner)
		return m, w.Put(t.Context(), m, "room@rooms.example.com", fmt.Sprint(n))
	}
	var all []*store.WaitingMessage
	full := 0
	for i := 0; full < 8 && i < 10_000; i++ {
		m, err := put(s.WaitingMessages(), fmt.Sprint("hook", i%8))
		switch {
		case err == nil:
			all, full = append(all, m), 0
		case errors.Is(err, gateway.ErrFull):
			full++
		default:
			t.Fatal(err)
		}
	}
	if len(all) < 100 || len(all) > 125 {
		t.Errorf("%d messages of 8 KB are stored", len(all)) // 1 MiB is for them
	}
	correction, err := put(s.Corrections(), "hook0")
	require.NoError(t, err)
	s.Close()
	s = open(t, dir)
	defer s.Close()
	for _, x := range []struct {
		w    *store.WaitingMessages
		want []*store.WaitingMessage
	}{{s.WaitingMessages(), all}, {s.Corrections(), []*store.WaitingMessage{correction}}} {
		got, err := x.w.Load(t.Context())
		require.NoError(t, err)
		require.Len(t, got, len(x.want))
		for i := range got {
			require.Equal(t, x.want[i].Stanza, got[i].Stanza)
		}
		if x.w == s.WaitingMessages() {
			all = got
		}
	}
	if _, err := put(s.WaitingMessages(), "hook9"); !errors.Is(err, gateway.ErrFull) {
		t.Errorf("one more after a restart: %v", err)
	}
	require.NoError(t, s.WaitingMessages().Remove(t.Context(), all[0]))
	_, err = put(s.WaitingMessages(), "hook9")
	require.NoError(t, err)
}
