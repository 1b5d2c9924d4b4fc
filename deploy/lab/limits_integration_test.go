//go:build integration

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestStanzaLimit(t *testing.T) {
	forBoth(t, func(t *testing.T, ctx context.Context, o Options) {
		o.MaxStanzaBytes = 20000
		s := start(t, ctx, o)
		c := o.Components[0]
		message := func(size int) string {
			return fmt.Sprintf("<message from='%s/x' to='%s/x'><body>%s</body></message>", c.Domain, c.Domain, strings.Repeat("x", size))
		}
		if got := componentGets(t, ctx, s, c, message(10000), "<message"); !strings.Contains(got, "<message") {
			t.Errorf("a stanza below the limit did not come back, but %q", got)
		}
		if got := componentGets(t, ctx, s, c, message(30000), "<message"); strings.Contains(got, "<message") {
			t.Error("a stanza above the limit came back")
		}
	})
}

func TestPrivileges(t *testing.T) {
	forBoth(t, func(t *testing.T, ctx context.Context, o Options) {
		s := start(t, ctx, o)
		got := componentGets(t, ctx, s, o.Components[1], "", "</message>")
		for _, want := range []string{"urn:xmpp:privilege:", "roster", "both", "outgoing", "managed_entity"} {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in what the privileged component is told: %s", want, got)
			}
		}
		end := "<message from='plain.localhost/x' to='plain.localhost/x' id='end'/>"
		if got := componentGets(t, ctx, s, o.Components[0], end, "<message"); !strings.Contains(got, "end") || strings.Contains(got, "privilege") {
			t.Errorf("the component without privileges got %s", got)
		}
	})
}

// componentGets connects as a component, sends something, and returns all that
// comes, up to what is wanted or until the server hangs up.
func componentGets(t *testing.T, ctx context.Context, s *Server, c Component, send, want string) string {
	t.Helper()
	st, err := dialStream(ctx, s.ComponentAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer st.conn.Close()
	defer st.until(ctx)()
	id, err := st.open("jabber:component:accept", c.Domain)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(st.conn, "<handshake>%s</handshake>%s", handshake(id, c.Secret), send)
	var got strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(got.String(), want) {
		n, err := st.in.Read(buf)
		got.Write(buf[:n])
		if err != nil {
			break
		}
	}
	return got.String()
}

func TestOtherHostAndLog(t *testing.T) {
	forBoth(t, func(t *testing.T, ctx context.Context, o Options) {
		var log lockedBuffer
		o.Host, o.Log = "chat.example.org", &log
		s := start(t, ctx, o)
		converse(t, ctx, s)
		components(t, ctx, s)
		if s.Logs() == "" || !strings.Contains(log.String(), "chat.example.org") {
			t.Errorf("Logs has %d bytes; Log got %q", len(s.Logs()), log.String())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

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
