package postmsg_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"stanzahook/httpapi"
	"stanzahook/httpapi/openapi/conform"
	"stanzahook/httpapi/postmsg"
	"stanzahook/pkg/account"
	"stanzahook/pkg/account/accounttest"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/gateway/gatewaytest"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// network is the XMPP side: a server that knows accounts, a component, and a
// privilege, if there is one.
type network struct {
	t       *testing.T
	server  *accounttest.Server
	pool    *account.Pool
	handler http.Handler
	setup   string

	component gatewaytest.Network
	failures  httpapi.Failures
	renew     func()

	mu         sync.Mutex
	privileged []*stanza.Stanza
}

func newNetwork(t *testing.T, setup string) *network {
	t.Helper()
	o := accounttest.Options{Users: map[string]string{"me": "mypassword", "colon": "a:b:c"}, Mechanisms: []string{"PLAIN"}}
	switch setup {
	case "disabled":
		o.Refuse = "account-disabled"
	case "no mechanism":
		o.Mechanisms = []string{"EXTERNAL"}
	}
	n := &network{t: t, server: accounttest.NewServer(t, o), setup: setup}
	if setup == "server away" {
		n.server.Close()
	}
	n.pool = account.NewPool(account.Dialer{Server: n.server.Addr(), Mode: account.None, AllowPlain: true}, 10, time.Minute)
	t.Cleanup(n.pool.Close)
	options := postmsg.Options{
		Sender: sender{&n.component, setup}, Accounts: n.pool, Hosts: []string{"example.com"}, Failures: &n.failures,
	}
	if strings.HasPrefix(setup, "privilege") {
		options.Privileged = privileged{n}
	}
	n.renew = func() {
		n.handler = conform.Must(httpapi.New(httpapi.Options{Tokens: tokens(t), MaxBodyBytes: 4000, Failures: &n.failures}, postmsg.New(options)))
	}
	n.renew()
	return n
}

// forget is a reload, which forgets right passwords and keeps the failures.
func (n *network) forget() { n.renew() }

// tokens returns tokens; the names are the secrets too.
func tokens(t *testing.T) []httpapi.Token {
	t.Helper()
	glob := func(text string) []jid.Glob {
		g, err := jid.ParseGlob(text)
		if err != nil {
			t.Fatal(err)
		}
		return []jid.Glob{g}
	}
	all := []httpapi.Token{
		{Name: "any", Scopes: []string{"send"}},
		{Name: "none", Scopes: []string{"query"}},
		{Name: "one", Scopes: []string{"send"}, From: glob("one@bot.example.com"), DefaultFrom: jid.MustParse("one@bot.example.com")},
		{Name: "foreign", Scopes: []string{"send"}, From: glob("me@example.com"), DefaultFrom: jid.MustParse("me@example.com")},
	}
	for i := range all {
		all[i].Hash = sha256.Sum256([]byte(all[i].Name))
	}
	return all
}

// sender is the component.
type sender struct {
	*gatewaytest.Network
	setup string
}

// Send fails as the setup says.
func (n sender) Send(ctx context.Context, s *stanza.Stanza, how gateway.Sending) (gateway.State, error) {
	if n.setup == "bounce" {
		back, err := s.ErrorReply(&stanza.Error{Type: stanza.Cancel, Condition: stanza.ServiceUnavailable, Text: "nobody is called so\nhere"}, stanza.Limits{})
		if err != nil {
			return "", err
		}
		return "", fmt.Errorf("outbox: %w", &gateway.Bounced{Stanza: back})
	}
	if err := map[string]error{
		"outbox full": gateway.ErrFull, "busy": gateway.ErrBusy, "down": gateway.ErrDown, "rejected": gateway.ErrRejected, "unconfirmed": gateway.ErrUnconfirmed,
	}[n.setup]; err != nil {
		return "", err
	}
	return n.Network.Send(ctx, s, how)
}

// privileged is a component that may send as the users of example.com.
type privileged struct{ *network }

func (n privileged) Granted(host string) bool { return host == "example.com" }

func (n privileged) Send(_ context.Context, s *stanza.Stanza) (bool, error) {
	switch n.setup {
	case "privilege refused":
		return false, errors.New("refused")
	case "privilege unconfirmed":
		return true, gateway.ErrUnconfirmed
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.privileged = append(n.privileged, s)
	return true, nil
}

// sent returns all stanzas with the way that they took; ids become ID.
func (n *network) sent() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []string
	for _, way := range []struct {
		name string
		sent []*stanza.Stanza
	}{{"component", n.component.Sent()}, {"privilege", n.privileged}, {"session", n.server.Received()}} {
		for _, s := range way.sent {
			if len(s.ID) < 20 {
				return "a stanza without an id of ours: " + s.XML()
			}
			out = append(out, way.name+"\n"+strings.Replace(s.XML(), s.ID, "ID", 1))
		}
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, "\n")
}
