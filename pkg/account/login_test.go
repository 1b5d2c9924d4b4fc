package account_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/account"
	"stanzahook/pkg/account/accounttest"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
)

var (
	juliet = jid.MustParse("juliet@example.com")
	right  = secret.New("o romeo,=\u00e9")
	users  = map[string]string{"juliet": "o romeo,=\u00e9", "romeo": "pw"}
)

func ctx(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestVerify(t *testing.T) {
	for _, tc := range []struct {
		name     string
		server   accounttest.Options
		mode     account.Mode
		noCAs    bool
		plain    bool // it may be used without TLS
		who      string
		password string
		want     error
		by       string // mechanism
	}{
		{name: "SCRAM-SHA-256 is preferred", by: "SCRAM-SHA-256"},
		{name: "SCRAM-SHA-1", server: accounttest.Options{Mechanisms: []string{"PLAIN", "SCRAM-SHA-1"}}, by: "SCRAM-SHA-1"},
		{name: "PLAIN on loopback", plain: true, server: accounttest.Options{Mechanisms: []string{"PLAIN"}}, by: "PLAIN"},
		{name: "composed like the server's", password: "o romeo,=e\u0301", by: "SCRAM-SHA-256"},
		{name: "wrong password", password: "wrong", want: account.ErrPassword},
		{name: "PLAIN on loopback is not allowed", server: accounttest.Options{Mechanisms: []string{"PLAIN"}}, want: account.ErrMechanism},
		{name: "wrong password, PLAIN", plain: true, server: accounttest.Options{Mechanisms: []string{"PLAIN"}}, password: "wrong", want: account.ErrPassword},
		{name: "a password that PLAIN would split", plain: true, server: accounttest.Options{Mechanisms: []string{"PLAIN"}}, password: "a\x00b", want: account.ErrPassword},
		{name: "nobody", who: "nobody@example.com", want: account.ErrPassword},
		{name: "disabled", server: accounttest.Options{Refuse: "account-disabled"}, want: account.ErrDisabled},
		{name: "expired", server: accounttest.Options{Refuse: "credentials-expired"}, want: account.ErrDisabled},
		{name: "not now", server: accounttest.Options{Refuse: "temporary-auth-failure"}, want: account.ErrUnreachable},
		{name: "no mechanism of ours", server: accounttest.Options{Mechanisms: []string{"EXTERNAL"}}, want: account.ErrMechanism},
		{name: "STARTTLS", server: accounttest.Options{StartTLS: true}, mode: account.StartTLS, by: "SCRAM-SHA-256"},
		{name: "STARTTLS, unknown CA", server: accounttest.Options{StartTLS: true}, mode: account.StartTLS, noCAs: true, want: account.ErrTLS},
		{name: "STARTTLS not offered", mode: account.StartTLS, want: account.ErrTLS},
		{name: "certificate of another domain", server: accounttest.Options{StartTLS: true}, mode: account.StartTLS, who: "juliet@example.net", want: account.ErrTLS},
		{name: "direct TLS", server: accounttest.Options{DirectTLS: true, Mechanisms: []string{"PLAIN"}}, mode: account.Direct, by: "PLAIN"},
		{name: "direct TLS, unknown CA", server: accounttest.Options{DirectTLS: true}, mode: account.Direct, noCAs: true, want: account.ErrTLS},
		{name: "too much work", server: accounttest.Options{Iterations: 100_000_000}, want: account.ErrUnreachable},
		{name: "a server that does not know the password", server: accounttest.Options{NoProof: true}, want: account.ErrUnreachable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.server.Users = users
			srv := accounttest.NewServer(t, tc.server)
			d := account.Dialer{Server: srv.Addr(), Mode: tc.mode, RootCAs: srv.CAs(), AllowPlain: tc.plain, Timeout: 10 * time.Second}
			if tc.mode == "" {
				d.Mode = account.None
			}
			if tc.noCAs {
				d.RootCAs = nil
			}
			who, password := juliet, right
			if tc.who != "" {
				who = jid.MustParse(tc.who)
			}
			if tc.password != "" {
				password = secret.New(tc.password)
			}
			err := d.Verify(ctx(t), who, password)
			if !errors.Is(err, tc.want) {
				t.Fatalf("%v, want %v", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "romeo,") {
				t.Errorf("the error shows the password: %v", err)
			}
			if used := srv.Mechanisms(); tc.want == account.ErrMechanism && len(used) > 0 {
				t.Errorf("the password was tried by %q", used)
			} else if tc.by != "" && (len(used) != 1 || used[0] != tc.by) {
				t.Errorf("logged in by %q, want %s", used, tc.by)
			}
			if tc.want == nil {
				srv.Await("a goodbye", func() bool { return srv.Goodbyes() == 1 })
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	d := account.Dialer{Server: l.Addr().String(), Mode: account.None, Timeout: 50 * time.Millisecond}
	if err := d.Verify(ctx(t), juliet, right); !errors.Is(err, account.ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a silent server: %v", err)
	}
	gone, cancel := context.WithCancel(ctx(t))
	cancel()
	if err := d.Verify(gone, juliet, right); !errors.Is(err, account.ErrUnreachable) {
		t.Errorf("a caller who has gone: %v", err)
	}
	_ = l.Close()
	if err := d.Verify(ctx(t), juliet, right); !errors.Is(err, account.ErrUnreachable) {
		t.Errorf("no server: %v", err)
	}
}

// Without TLS nothing is sent to an address that is not loopback.
func TestNoneIsForLoopback(t *testing.T) {
	l, err := net.Listen("tcp", "0.0.0.0:0")
	require.NoError(t, err)
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	addrs, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && n.IP.To4() != nil {
			d := account.Dialer{Server: net.JoinHostPort(n.IP.String(), port), Mode: account.None}
			if err := d.Verify(ctx(t), juliet, right); !errors.Is(err, account.ErrTLS) {
				t.Errorf("%s: %v", n.IP, err)
			}
			return
		}
	}
	t.Skip("this machine has no address but loopback")
}
