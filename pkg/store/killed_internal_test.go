package store

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// kill -9 when EVENTS is empty: places go on, and are not used again.
func TestPlacesAfterAKill(t *testing.T) {
	put := func(s *Store) uint64 {
		q, err := s.Queues().Open(context.Background(), "a")
		require.NoError(t, err)
		done := make(chan uint64)
		r := Record{ID: "evt", Component: "bot.example.com", Conversation: "x", Received: time.UnixMilli(1), Since: time.UnixMilli(2), Stanza: "<message/>"}
		require.NoError(t, q.Append(&r, func(seq uint64, _ error) { done <- seq }))
		return <-done
	}
	if dir := os.Getenv("STANZAHOOK_PLACES"); dir != "" { // the process that is killed
		s, err := Open(context.Background(), Elsewhere(Options{Dir: dir, MaxBytes: 1 << 30, Log: zap.NewNop()}))
		if err != nil {
			fmt.Println(err)
			return
		}
		q, _ := s.Queues().Open(context.Background(), "a")
		seq := uint64(0)
		for range 1000 {
			seq = put(s)
			q.Ack("x", seq)
		}
		for {
			if n, err := s.Queues().Waiting(context.Background()); err == nil && n == 0 {
				break
			}
		}
		fmt.Println(seq)
		select {}
	}
	dir, last := t.TempDir(), uint64(0)
	for range 4 {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPlacesAfterAKill$")
		child.Env = append(os.Environ(), "STANZAHOOK_PLACES="+dir)
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		lines, seq := bufio.NewScanner(out), uint64(0)
		lines.Scan()
		_, err = fmt.Sscan(lines.Text(), &seq)
		_ = child.Process.Kill()
		_ = child.Wait() // it was killed
		if err != nil {
			t.Fatalf("%q", lines.Text())
		}
		if seq < last+1000 || seq < firstRecent+999 {
			t.Errorf("the place %d after %d", seq, last)
		}
		last = seq
	}
	s, err := Open(t.Context(), Elsewhere(Options{Dir: dir, MaxBytes: 1 << 30}))
	require.NoError(t, err)
	defer s.Close()
	if seq := put(s); seq <= last {
		t.Errorf("the place %d after %d", seq, last)
	}
}
