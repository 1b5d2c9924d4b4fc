package stream

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// No deleted record comes back after a kill, also not the last one of a file that says which records
// of earlier files are deleted.
func TestDeletedAndKilled(t *testing.T) {
	dir := t.TempDir()
	open := func(dir string) (*Server, *Stream) {
		t.Helper()
		srv, err := Start(Options{Dir: dir, MaxBytes: 1 << 30, MaxRecordBytes: 1 << 20, Log: zap.NewNop()})
		require.NoError(t, err)
		st := srv.Stream(Config{Name: "RECORDS", Subjects: "records.*", MaxPerSubject: 100_000})
		require.NoError(t, st.Open(t.Context()))
		return srv, st
	}
	srv, st := open(dir)
	put := func(n int) {
		t.Helper()
		for range n {
			_, err := st.Put(t.Context(), &Message{Subject: "records.a", Data: make([]byte, 100_000)})
			require.NoError(t, err)
		}
	}
	del := func(from, to uint64) {
		t.Helper()
		for seq := from; seq < to; seq++ {
			require.NoError(t, st.Delete(t.Context(), seq))
		}
	}
	put(60) // a file has some forty
	del(5, 10)
	put(100)
	del(30, 140)
	before, err := st.State(t.Context())
	require.NoError(t, err)
	killed := t.TempDir()
	require.NoError(t, os.CopyFS(killed, os.DirFS(dir)))
	srv.Stop()
	srv, st = open(killed)
	defer srv.Stop()
	after, err := st.State(t.Context())
	require.NoError(t, err)
	require.Equal(t, 160-5-110, int(before.Records))
	require.Equal(t, before.Records, after.Records)
	page, err := st.Page(t.Context(), "", 30, 2)
	require.NoError(t, err)
	require.Equal(t, 140, int(page[0].Seq))
}
