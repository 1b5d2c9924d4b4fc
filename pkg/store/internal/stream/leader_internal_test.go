package stream

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"
)

// A small state is read with few requests: a takeover waits for it. What is not known to be the newest is asked of the
// leader.
func TestEachTogether(t *testing.T) {
	const records = 2500
	srv := serveNATS(t, true)
	s, err := Connect(t.Context(), Remote{URL: srv.ClientURL(), Name: "lab", Replicas: 1}, Options{MaxBytes: 1 << 30, MaxRecordBytes: 1 << 20, Log: zaptest.NewLogger(t)})
	require.NoError(t, err)
	t.Cleanup(s.Stop)
	st := s.Stream(Config{Name: "SMALL", About: "a state", Subjects: "small.*", MaxPerSubject: 1})
	require.NoError(t, st.Open(t.Context()))
	results := make(chan error, 2*records)
	for round := range 2 {
		for i := range records {
			s.Append(&Append{Subject: fmt.Sprintf("small.s%d", i), Data: fmt.Appendf(nil, "%d %d", i, round), Result: func(_ *Append, _ uint64, err error) { results <- err }})
		}
	}
	for range 2 * records {
		require.NoError(t, <-results)
	}
	sent := func() int64 {
		v, err := srv.Varz(nil)
		require.NoError(t, err)
		return v.InMsgs
	}
	before, n := sent(), 0
	err = st.Each(t.Context(), "", false, func(r *Record, at time.Time, _ int) error {
		if want := fmt.Sprintf("small.s%d", n); r.Subject != want || string(r.Data) != fmt.Sprintf("%d 1", n) || at.IsZero() {
			t.Fatalf("%s has %q at %v, want %s", r.Subject, r.Data, at, want)
		}
		n++
		return nil
	})
	if requests := sent() - before; err != nil || n != records || requests > records/100 {
		t.Errorf("%d records with %d requests: %v", n, requests, err)
	}
	behind, err := st.lastOf(t.Context(), s.engine.Load(), []string{"small.s1", "small.none", "small.s2"}, 2*records+1)
	if err != nil || len(behind) != 2 || string(behind[0].Data) != "1 1" {
		t.Errorf("of a replica that is behind: %+v %v", behind, err)
	}
}
