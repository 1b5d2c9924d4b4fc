package rest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/component"
	"stanzahook/component/archive"
	"stanzahook/component/bounce"
	"stanzahook/component/componenttest"
	"stanzahook/httpapi"
	"stanzahook/httpapi/openapi/conform"
	"stanzahook/httpapi/rest"
	"stanzahook/httpapi/rest/conformance"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
)

// bridge is the surface in front of a link to a server in process, with all that
// stands between them.
type bridge struct {
	srv     *componenttest.Server
	handler http.Handler
	link    *component.Link
	bounces bounce.Watcher
	results archive.Collector
	own     chan *stanza.Stanza // what we have sent to ourselves
}

// Handle takes what comes back to its sender.
func (b *bridge) Handle(in *component.Incoming) bool {
	if in.From != in.To {
		return false
	}
	in.Hold() // an IQ is answered by the case
	b.own <- in.Stanza
	return true
}

// sent waits for the stanza of a case. The server in process routes those to
// ourselves back.
func (b *bridge) sent(t *testing.T, c *conformance.Case) *stanza.Stanza {
	want := stanza.Must(stanza.Parse(c.Sent, stanza.Limits{}))
	if want.From != want.To {
		return b.srv.Expect("the stanza of "+c.Title, func(*stanza.Stanza) bool { return true })
	}
	select {
	case s := <-b.own:
		return s
	case <-time.After(time.Minute):
		t.Fatal("nothing has come back")
		return nil
	}
}

func newBridge(t *testing.T) *bridge {
	const domain = "bot.example.com"
	b := &bridge{srv: componenttest.NewServer(t, domain, "secret"), own: make(chan *stanza.Stanza, 1)}
	b.link = b.srv.Connect(component.Options{
		Keepalive: 80 * time.Millisecond, // so that a marker that was swallowed is soon written again
		Handler:   component.Chain{&b.bounces, &b.results, b},
	})
	b.handler = conform.Must(httpapi.New(httpapi.Options{Tokens: tokens(), MaxBodyBytes: 4000}, rest.New(rest.Options{
		Sender: b, Query: b.query, Secrets: map[string]secret.String{domain: secret.New("secret")},
	})))
	return b
}

func (b *bridge) Domains() []jid.JID           { return []jid.JID{b.link.Domain()} }
func (b *bridge) Limits(jid.JID) stanza.Limits { return stanza.Limits{MaxBytes: 3000} }

func (b *bridge) Send(ctx context.Context, s *stanza.Stanza, _ gateway.Sending) (gateway.State, error) {
	x := b.bounces.Expect(s.From, s.To, s.ID)
	err := componenttest.Confirm(ctx, b.link, s)
	if back := x.End(); back != nil && err == nil {
		err = &gateway.Bounced{Stanza: back}
	}
	return gateway.Confirmed, err
}

func (b *bridge) Request(ctx context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
	return b.link.Request(ctx, s)
}

func (b *bridge) query(ctx context.Context, s *stanza.Stanza) ([]*stanza.Stanza, error) {
	return b.results.Query(ctx, s, b.link.Request)
}

func request(t *testing.T, c *conformance.Case) *http.Request {
	r := httptest.NewRequestWithContext(t.Context(), c.Method, c.Path, strings.NewReader(c.Body))
	r.Header = c.Header.Clone()
	switch c.As {
	case "nobody":
	case "component":
		r.SetBasicAuth("bot.example.com", "secret")
	case "component, wrong":
		r.SetBasicAuth("bot.example.com", "secreT")
	default:
		if r.Header.Get("Authorization") == "" {
			r.Header.Set("Authorization", "Bearer "+c.As)
		}
	}
	return r
}

// TestConformance runs the cases of testdata/conformance against a link and a
// server in process.
func TestConformance(t *testing.T) {
	cases, err := conformance.Read(os.DirFS("testdata/conformance"))
	require.NoError(t, err)
	if len(cases) < 150 {
		t.Errorf("%d cases only", len(cases))
	}
	b := newBridge(t)
	for _, c := range cases {
		c.Body = strings.NewReplacer("$BIG", strings.Repeat("x", 4001), "$LESS", strings.Repeat("<", 1000)).Replace(c.Body)
		t.Run(c.File+"/"+c.Title, func(t *testing.T) { b.run(t, &c) })
	}
	if got := b.srv.Bad(); len(got) > 0 {
		t.Errorf("no server would take %q", got)
	}
}

func (b *bridge) run(t *testing.T, c *conformance.Case) {
	w := httptest.NewRecorder()
	done := make(chan struct{})
	bounces := len(c.Received) > 0 && !strings.HasPrefix(c.Sent, "<iq")
	if bounces { // it must come before the confirmation
		b.srv.SwallowMarkers(true)
		defer b.srv.SwallowMarkers(false)
	}
	before := len(b.srv.Received())
	go func() {
		defer close(done)
		b.handler.ServeHTTP(w, request(t, c))
	}()
	if c.Sent != "" {
		s := b.sent(t, c)
		if !conformance.SameXML(c.Sent, s.XML()) {
			t.Errorf("sent %s\nwant %s", s.XML(), c.Sent)
		}
		for _, xml := range c.Received {
			b.srv.Send(strings.ReplaceAll(xml, "$ID", s.ID))
		}
		if bounces {
			b.srv.SwallowMarkers(false)
		}
	}
	<-done
	if n := len(b.srv.Received()) - before; n > 0 {
		t.Errorf("%d stanzas too many were sent: %s", n, b.srv.Expect("it", func(*stanza.Stanza) bool { return true }).XML())
	}
	if err := c.CheckAnswer(w.Code, w.Header().Get("Content-Type"), w.Body.String()); err != nil {
		t.Error(err)
	}
}

// Every status of mod_rest's table is in the cases, and every error of ours that
// a request alone can bring about.
func TestConformanceIsComplete(t *testing.T) {
	cases, err := conformance.Read(os.DirFS("testdata/conformance"))
	require.NoError(t, err)
	var seen []string
	titles := map[string]bool{}
	for _, c := range cases {
		seen = append(seen, http.StatusText(c.Status)+" "+c.Condition)
		if titles[c.File+c.Title] {
			t.Errorf("%s: two cases are called %q", c.File, c.Title)
		}
		titles[c.File+c.Title] = true
	}
	for _, want := range []string{
		"Accepted ", "OK ", "Unauthorized not-authorized", "Forbidden not-authorized", "Request Entity Too Large resource-constraint",
		"Unsupported Media Type bad-format", "Bad Request not-well-formed", "Unprocessable Entity invalid-namespace",
		"Unprocessable Entity unsupported-stanza-type", "Unprocessable Entity improper-addressing", "Unprocessable Entity invalid-from",
		"Unprocessable Entity invalid-xml", "Unprocessable Entity bad-format", "Gateway Timeout remote-server-timeout",
		"Bad Request bad-request", "Method Not Allowed not-allowed",
	} {
		if !slices.Contains(seen, want) {
			t.Errorf("no case has %q", want)
		}
	}
}

// The secret is compared whatever its length, and only for our components. A wrong
// one is not known, as a domain that does not exist: the answer does not tell them
// apart.
func TestComponentCredentials(t *testing.T) {
	mount := rest.New(rest.Options{Secrets: map[string]secret.String{"bot.example.com": secret.New("secret"), "empty.example.com": secret.New("")}})
	for _, c := range []struct {
		user, password  string
		accepted, known bool
	}{
		{"bot.example.com", "secret", true, true},
		{"BOT.example.com", "secret", true, true},
		{"bot.example.com", "secre", false, false},
		{"bot.example.com", "", false, false},
		{"empty.example.com", "", false, false},
		{"u@bot.example.com", "secret", false, false},
		{"bot.example.com/r", "secret", false, false},
		{"other.example.com", "secret", false, false},
		{"@", "secret", false, false},
	} {
		who, f, known := mount.Basic(nil, c.user, c.password)
		if known != c.known || (f == nil && known) != c.accepted || who.Can(gateway.ScopeSend) != c.accepted || who.Can(gateway.ScopeAdmin) {
			t.Errorf("%q %q: %+v %v %v", c.user, c.password, who, f, known)
		}
	}
	if rest.New(rest.Options{}).Basic != nil {
		t.Error("Basic without secrets")
	}
}
