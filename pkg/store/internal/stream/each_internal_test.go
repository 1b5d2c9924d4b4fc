package stream

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// Each shows the records of a subject in their order, and no others, of which there may be more.
func TestEachOfASubject(t *testing.T) {
	srv, err := Start(Options{Dir: t.TempDir(), MaxBytes: 1 << 28, MaxRecordBytes: 1 << 20, Log: zap.NewNop()})
	require.NoError(t, err)
	defer srv.Stop()
	st := srv.Stream(Config{Name: "RECORDS", Subjects: "records.>"})
	require.NoError(t, st.Open(t.Context()))
	const n = 2500 // more than a page
	for range n {
		for _, subject := range []string{"records.a.x", "records.b.x"} {
			_, err := st.Put(t.Context(), &Message{Subject: subject, Data: []byte("1")})
			require.NoError(t, err)
		}
	}
	for subject, want := range map[string]int{"records.a.>": n, "": 2 * n, "records.c.>": 0} {
		seen, last := 0, uint64(0)
		require.NoError(t, st.Each(t.Context(), subject, false, func(r *Record, _ time.Time, _ int) error {
			require.Greater(t, r.Seq, last)
			if subject == "records.a.>" {
				require.Equal(t, "records.a.x", r.Subject)
			}
			seen, last = seen+1, r.Seq
			return nil
		}))
		require.Equal(t, want, seen, subject)
	}
}
