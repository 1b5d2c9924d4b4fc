package stream

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/gateway"
)

// What erasures leave stands for nothing, and the oldest of it goes where it is too much, also what
// another process has left; a record that took its place stays.
func TestSweep(t *testing.T) {
	st := openStream(t, Config{Name: "X", Subjects: "x.*", MaxPerSubject: 1})
	sweep := func(records uint64) {
		t.Helper()
		require.NoError(t, st.Sweep(t.Context()))
		if state, err := st.State(t.Context()); err != nil || state.Records != records {
			t.Errorf("%d records, not %d, %v", state.Records, records, err)
		}
	}
	for i := range maxErased {
		subject := fmt.Sprint("x.", i)
		if i < 2 {
			put(t, st, subject)
		}
		require.NoError(t, st.Erase(t.Context(), subject))
	}
	if _, err := st.Last(t.Context(), "x.1"); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("it is there: %v", err)
	}
	sweep(maxErased)
	put(t, st, "x.1") // a record again
	st.erasures = erasures{}
	if err := st.Each(t.Context(), "", true, func(r *Record, _ time.Time, _ int) error {
		if r.Subject != "x.1" {
			t.Errorf("%s stands for something", r.Subject)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		require.NoError(t, st.Erase(t.Context(), fmt.Sprint("x.new", i)))
	}
	sweep(maxErased*9/10 + 1)
	for subject, there := range map[string]bool{"x.1": true, "x.0": false, "x.new1": false} {
		if _, err := st.Last(t.Context(), subject); (err == nil) != there {
			t.Errorf("%s: %v", subject, err)
		}
	}
	if n := len(st.erasures.all); n != maxErased*9/10 {
		t.Errorf("%d are known", n)
	}
}

// What stands for nothing takes no more than a part of a stream with a bound: of one that refuses at
// it, something can always be stored, and of another one nothing has to go.
func TestErasuresLeaveRoom(t *testing.T) {
	for _, refuses := range []bool{true, false} {
		st := openStream(t, Config{Name: "X", Subjects: "x.*", MaxPerSubject: 1, MaxBytes: 64 << 10, RefuseNew: refuses})
		put(t, st, "x.kept")
		for i := range 1000 {
			subject := fmt.Sprint("x.", i)
			put(t, st, subject)
			require.NoError(t, st.Erase(t.Context(), subject))
			if !st.IsOver() {
				continue
			}
			require.NoError(t, st.Sweep(t.Context()))
		}
		if _, err := st.Last(t.Context(), "x.kept"); err != nil {
			t.Error(err)
		}
		if state, err := st.State(t.Context()); err != nil || state.Bytes > 64<<10/8 {
			t.Errorf("%d bytes, %v", state.Bytes, err)
		}
	}
}
