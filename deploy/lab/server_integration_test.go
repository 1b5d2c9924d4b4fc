//go:build integration

package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// forBoth runs a test against Prosody and against ejabberd.
func forBoth(t *testing.T, test func(t *testing.T, ctx context.Context, o Options)) {
	for _, kind := range []Kind{Prosody, Ejabberd} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			test(t, ctx, Options{
				Kind:  kind,
				Users: map[string]string{"alice": "wonder land", "bob.b": `b"u\ild ë`},
				Components: []Component{
					{Domain: "plain.localhost", Secret: "plain secret"},
					{Domain: "gw.localhost", Secret: `g"w`, Privileged: true},
				},
			})
		})
	}
}

func start(t *testing.T, ctx context.Context, o Options) *Server {
	t.Helper()
	began := time.Now()
	s, err := Start(ctx, o)
	require.NoError(t, err)
	t.Logf("%s started in %v", o.Kind, time.Since(began).Round(time.Millisecond))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s printed:\n%s", o.Kind, s.Logs())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func login(t *testing.T, ctx context.Context, s *Server, user string) *Client {
	t.Helper()
	c, err := s.Login(ctx, user, "test")
	require.NoError(t, err)
	if want := user + "@" + s.Host() + "/test"; c.JID() != want {
		t.Errorf("JID %s, want %s", c.JID(), want)
	}
	return c
}

func isChat(r Received) bool { return r.Kind == "message" && r.Type == "chat" }

// converse checks that two users can talk, and that order is kept.
func converse(t *testing.T, ctx context.Context, s *Server) {
	t.Helper()
	alice, bob := login(t, ctx, s, "alice"), login(t, ctx, s, "bob.b")
	const n = 200
	for i := range n {
		require.NoError(t, alice.SendRaw(fmt.Sprintf("<message type='chat' id='m%d' to='%s'><body>Grüße &amp; %d</body></message>", i, bob.JID(), i)))
	}
	for i := range n {
		r, err := bob.Next(ctx, isChat)
		require.NoError(t, err)
		if r.ID != fmt.Sprintf("m%d", i) || r.Body != fmt.Sprintf("Grüße & %d", i) || r.From != alice.JID() || r.Type != "chat" {
			t.Fatalf("message %d arrived as %+v", i, r)
		}
	}
	for _, c := range []*Client{alice, bob} {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

func components(t *testing.T, ctx context.Context, s *Server) {
	t.Helper()
	for _, c := range s.options.Components {
		if err := probeComponent(ctx, s.ComponentAddr(), c); err != nil {
			t.Errorf("component %s: %v", c.Domain, err)
		}
	}
}

func TestTalkStopKillRestart(t *testing.T) {
	forBoth(t, func(t *testing.T, ctx context.Context, o Options) {
		s := start(t, ctx, o)
		converse(t, ctx, s)
		components(t, ctx, s)
		clients := s.ClientAddr()
		for name, end := range map[string]func() error{
			"stop": func() error { return s.Stop(ctx) },
			"kill": s.Kill,
		} {
			if err := s.Restart(ctx); err == nil {
				t.Errorf("%s: a running server was restarted", name)
			}
			began := time.Now()
			require.NoError(t, end())
			t.Logf("%s took %v", name, time.Since(began).Round(time.Millisecond))
			if c, err := net.Dial("tcp", s.ClientAddr()); err == nil {
				c.Close()
				t.Errorf("%s: the client port still answers", name)
			}
			began = time.Now()
			require.NoError(t, s.Restart(ctx))
			t.Logf("restart after %s took %v", name, time.Since(began).Round(time.Millisecond))
			if s.ClientAddr() != clients {
				t.Errorf("%s: the client address changed from %s to %s", name, clients, s.ClientAddr())
			}
			converse(t, ctx, s)
			components(t, ctx, s)
		}
	})
}

// A message to somebody offline is kept over a restart: the data is used again.
func TestDataSurvivesStop(t *testing.T) {
	forBoth(t, func(t *testing.T, ctx context.Context, o Options) {
		s := start(t, ctx, o)
		alice := login(t, ctx, s, "alice")
		defer alice.Close()
		err := alice.SendRaw("<message type='chat' to='bob.b@localhost'><body>later</body></message>" +
			"<iq type='get' id='sent' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
		require.NoError(t, err)
		if _, err := alice.Next(ctx, func(r Received) bool { return r.ID == "sent" }); err != nil {
			t.Fatal(err)
		}
		require.NoError(t, s.Stop(ctx))
		require.NoError(t, s.Restart(ctx))
		bob := login(t, ctx, s, "bob.b")
		defer bob.Close()
		r, err := bob.Next(ctx, isChat)
		if err != nil || r.Body != "later" {
			t.Errorf("got %+v, error %v", r, err)
		}
	})
}

func TestClose(t *testing.T) {
	forBoth(t, func(t *testing.T, ctx context.Context, o Options) {
		s := start(t, ctx, o)
		dir := s.Dir()
		if len(processesOf(t, dir)) == 0 {
			t.Error("the test does not see the server's processes")
		}
		for range 2 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the directory is still there: %v", err)
		}
		if err := s.Restart(ctx); err == nil {
			t.Error("a closed server was restarted")
		}
		noProcesses(t, ctx, dir)
	})
}

// Stop leaves no helper of the server behind either, and a directory that was
// named by the caller is kept and can be used again.
func TestOwnDirectory(t *testing.T) {
	forBoth(t, func(t *testing.T, ctx context.Context, o Options) {
		o.Dir = filepath.Join(t.TempDir(), "with space")
		for range 2 {
			s := start(t, ctx, o)
			login(t, ctx, s, "alice").Close()
			require.NoError(t, s.Stop(ctx))
			noProcesses(t, ctx, o.Dir)
			require.NoError(t, s.Close())
			if _, err := os.Stat(o.Dir); err != nil {
				t.Fatal(err)
			}
		}
	})
}
