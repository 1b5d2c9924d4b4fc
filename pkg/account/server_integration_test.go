//go:build integration

package account_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/account"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
)

// Logins and messages on real servers.
func TestRealServers(t *testing.T) {
	const password = "pass, =\u00fcord"
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		start, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		defer cancel()
		s := harness.StartServer(t, lab.Options{Kind: kind, Users: map[string]string{"juliet": password, "romeo": password}})
		bounces := make(chan string, 10)
		d := account.Dialer{Server: s.ClientAddr(), Mode: account.None, Timeout: 10 * time.Second, Bounced: func(s *stanza.Stanza) { bounces <- s.ID }}
		juliet := jid.MustParse("juliet@localhost")
		require.NoError(t, d.Verify(ctx(t), juliet, secret.New(password)))
		for who, wrong := range map[string]string{"juliet@localhost": "wrong", "nobody@localhost": password} {
			if err := d.Verify(ctx(t), jid.MustParse(who), secret.New(wrong)); !errors.Is(err, account.ErrPassword) {
				t.Errorf("%s: %v", who, err)
			}
		}
		if err := d.Verify(ctx(t), jid.MustParse("juliet@elsewhere.localhost"), secret.New(password)); !errors.Is(err, account.ErrUnreachable) {
			t.Errorf("a host that the server does not have: %v", err)
		}
		tls := d
		tls.Mode = account.StartTLS
		if err := tls.Verify(ctx(t), juliet, secret.New(password)); !errors.Is(err, account.ErrTLS) {
			t.Errorf("a server without TLS: %v", err)
		}
		romeo := harness.Login(t, s, "romeo")
		p := account.NewPool(d, 2, time.Minute)
		defer p.Close()
		for i := range 50 {
			require.NoError(t, p.Send(ctx(t), juliet, secret.New(password), messageTo("romeo@localhost", fmt.Sprint("m", i))))
		}
		for i := range 50 {
			m := romeo.Await("a message", func(r lab.Received) bool { return r.Kind == "message" })
			if bare, _, _ := strings.Cut(m.From, "/"); bare != "juliet@localhost" || m.ID != fmt.Sprint("m", i) || m.Body != "text "+m.ID {
				t.Fatalf("message %d: %+v", i, m)
			}
			if i == 0 { // nobody reads there
				romeo.Send("<message to='%s' type='chat' id='back'><body>and thou</body></message>", m.From)
				if e := romeo.Await("the error", func(r lab.Received) bool { return r.ID == "back" }); e.Error != "service-unavailable" {
					t.Errorf("an answer to the session: %+v", e)
				}
			}
		}
		if err := p.Send(ctx(t), juliet, secret.New(password), messageTo("nobody@localhost", "b1")); err != nil {
			t.Error(err)
		}
		if id := <-bounces; id != "b1" {
			t.Errorf("the bounce of %s", id)
		}
		require.NoError(t, s.Stop(start))
		require.NoError(t, s.Restart(start))
		if err := p.Send(ctx(t), juliet, secret.New(password), messageTo("nobody@localhost", "b2")); err != nil {
			t.Errorf("after a restart: %v", err)
		}
		require.NoError(t, s.Stop(start))
		if err := d.Verify(ctx(t), juliet, secret.New(password)); !errors.Is(err, account.ErrUnreachable) {
			t.Errorf("no server: %v", err)
		}
	})
}
