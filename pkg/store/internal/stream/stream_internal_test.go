package stream

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// A put that gets no answer means that nothing can be written, but not for a KeyValue
// stream: there it fails alone.
func TestPutWithoutAnswer(t *testing.T) {
	for _, keyValue := range []bool{true, false} {
		srv, err := Start(Options{Dir: t.TempDir(), MaxBytes: 1 << 20, MaxRecordBytes: 1 << 10, Log: zap.NewNop()})
		require.NoError(t, err)
		defer srv.Stop()
		st := srv.Stream(Config{Name: "X", Subjects: "x", KeyValue: keyValue}) // it is never opened: nobody answers
		if _, err := st.Put(t.Context(), &Message{Subject: "x"}); err == nil {
			t.Error("stored in no stream")
		}
		if srv.Broken() == keyValue {
			t.Errorf("KeyValue %v: broken %v", keyValue, srv.Broken())
		}
	}
}
