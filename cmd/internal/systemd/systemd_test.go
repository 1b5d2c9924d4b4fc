package systemd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/deploy/lab/harness"
)

func supervised(t *testing.T) *Manager {
	t.Helper()
	s, err := Find(zap.NewNop())
	require.NoError(t, err)
	return s
}

func TestSupervisor(t *testing.T) {
	for kind, name := range map[string]string{
		"file":     filepath.Join(t.TempDir(), "notify"),
		"abstract": fmt.Sprintf("@stanzahook-test-%d", os.Getpid()),
	} {
		t.Run(kind, func(t *testing.T) {
			n := harness.ListenNotices(t, name, "60000000")
			s := supervised(t)
			s.Started()
			n.Expect(t, "READY=1\nWATCHDOG_USEC=60000000")
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				s.Watch(ctx, func() string { return "one\nREADY=1" }, func(context.Context) error { return nil })
			}()
			got := []string{n.Next(t, 10*time.Second), n.Next(t, 10*time.Second)}
			all := strings.Join(got, "|")
			if !strings.Contains(all, "STATUS=one READY=1") || !strings.Contains(all, "WATCHDOG=1") {
				t.Errorf("got %q", got)
			}
			cancel()
			<-done
			s.Restarting()
			n.Expect(t, "STATUS=restarting\nWATCHDOG_USEC=600000000")
			s.Stopping(20 * time.Second)
			n.Expect(t, "STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=50000000\nWATCHDOG_USEC=60000000")
			s.Stopping(time.Minute)
			n.Expect(t, "STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=90000000\nWATCHDOG_USEC=90000000")
		})
	}
}

// The watchdog hears nothing while a part is not well or does not answer, and
// goes on when it is well again.
func TestWatchdog(t *testing.T) {
	n := harness.ListenNotices(t, filepath.Join(t.TempDir(), "notify"), "400000")
	s := supervised(t)
	const good, bad, silent = 0, 1, 2
	var state atomic.Int32
	looks := make(chan struct{}) // somebody looks, and is waited for
	ctx, cancel := context.WithCancel(t.Context())
	done, free := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		s.feedWatchdog(ctx, func(context.Context) error {
			select {
			case looks <- struct{}{}:
			default:
			}
			switch state.Load() {
			case bad:
				return errors.New("not well")
			case silent:
				<-free // heeds no context
			}
			return nil
		})
	}()
	for _, how := range []int32{bad, silent} {
		for range 3 {
			n.Expect(t, "WATCHDOG=1")
		}
		state.Store(how)
		for range 3 {
			<-looks
		}
		for n.Next(t, time.Millisecond) != "" { // sent before
		}
		for range 3 {
			<-looks
		}
		if got := n.Next(t, time.Millisecond); got != "" {
			t.Errorf("not well (%d): %q", how, got)
		}
		state.Store(good)
	}
	n.Expect(t, "WATCHDOG=1")
	cancel()
	close(free)
	<-done
}

// Without NOTIFY_SOCKET nothing is sent.
func TestUnsupervised(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "")
	s := supervised(t)
	s.Started()
	s.Watch(t.Context(), nil, nil) // returns at once, and asks nothing
	s.Stopping(time.Second)
	t.Setenv("WATCHDOG_USEC", "soon")
	if _, err := Find(zap.NewNop()); err == nil || !strings.Contains(err.Error(), "WATCHDOG_USEC") {
		t.Errorf("error %v", err)
	}
}
