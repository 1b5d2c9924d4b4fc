package stream

import (
	"errors"
	"testing"
	"time"

	"stanzahook/pkg/gateway"
)

// What erasures leave goes after its time; what earlier processes have left is written anew first;
// and a record that took the place meanwhile stays.
func TestSweep(t *testing.T) {
	st := openStream(t, Config{Name: "X", Subjects: "x.*", MaxPerSubject: 1})
	left := func() (records uint64) {
		t.Helper()
		state, err := st.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return state.Records
	}
	erase := func(subject string) {
		t.Helper()
		put(t, st, subject)
		if err := st.Erase(t.Context(), subject); err != nil {
			t.Fatal(err)
		}
		if _, err := st.Last(t.Context(), subject); !errors.Is(err, gateway.ErrNotFound) {
			t.Errorf("%s is there: %v", subject, err)
		}
	}
	sweep := func(before time.Time, want uint64) {
		t.Helper()
		if err := st.Sweep(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		if n := left(); n != want {
			t.Errorf("%d records, not %d", n, want)
		}
	}
	erase("x.gone")
	erase("x.back")
	put(t, st, "x.back")
	sweep(time.Now().Add(-time.Hour), 2)
	sweep(time.Now().Add(time.Hour), 1)
	if _, err := st.Last(t.Context(), "x.back"); err != nil {
		t.Error(err)
	}

	erase("x.gone")
	erase("x.taken")
	st.erasures = erasures{} // as in another process
	if err := st.Each(t.Context(), true, func(r *Record, _ time.Time, _ int) error {
		if r.Subject != "x.back" {
			t.Errorf("%s stands for something", r.Subject)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	put(t, st, "x.taken")
	sweep(time.Now().Add(time.Hour), 3) // x.gone is new
	sweep(time.Now().Add(time.Hour), 2)
	if _, err := st.Last(t.Context(), "x.taken"); err != nil {
		t.Error(err)
	}
	if n := len(st.erasures.all); n != 0 {
		t.Errorf("%d are left", n)
	}
}
