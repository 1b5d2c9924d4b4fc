//go:build integration

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTakenPort(t *testing.T) {
	forBoth(t, func(t *testing.T, ctx context.Context, o Options) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		tmp := t.TempDir()
		o.Dir = filepath.Join(tmp, "lab")
		o.ComponentPort = l.Addr().(*net.TCPAddr).Port
		s, err := Start(ctx, o)
		if err == nil {
			s.Close()
			t.Fatal("the server started on a port that is taken")
		}
		if !errors.Is(err, errPortTaken) || !strings.Contains(err.Error(), fmt.Sprint(o.ComponentPort)) {
			t.Errorf("the error does not tell of the port and show the log: %v", err)
		}
		noProcesses(t, ctx, o.Dir)
	})
}

// A port that another server of ours has, with other secrets, is no good either.
func TestStranger(t *testing.T) {
	forBoth(t, func(t *testing.T, ctx context.Context, o Options) {
		first := start(t, ctx, o)
		o.ComponentPort = first.config.ComponentPort
		if s, err := Start(ctx, o); err == nil {
			s.Close()
			t.Fatal("the second server started on the first one's port")
		}
		converse(t, ctx, first)
	})
}

func TestStartEndsWithContext(t *testing.T) {
	forBoth(t, func(t *testing.T, ctx context.Context, o Options) {
		o.Dir = t.TempDir()
		ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		if s, err := Start(ctx, o); !errors.Is(err, context.DeadlineExceeded) {
			if err == nil {
				s.Close()
			}
			t.Errorf("error %v, want %v", err, context.DeadlineExceeded)
		}
		noProcesses(t, t.Context(), o.Dir)
	})
}
