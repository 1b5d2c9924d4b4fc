package rest_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"stanzahook/httpapi"
	"stanzahook/httpapi/openapi/conform"
	"stanzahook/httpapi/rest"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// network is the XMPP side: it takes stanzas and answers IQs.
type network struct {
	mu      sync.Mutex
	sent    []*stanza.Stanza
	sendErr error
	reply   string // the XML of an IQ's answer; $ID is replaced
	asked   func(ctx context.Context) error
}

func (n *network) Send(_ context.Context, s *stanza.Stanza) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.sendErr != nil {
		return n.sendErr
	}
	n.sent = append(n.sent, s)
	return nil
}

func (n *network) Request(ctx context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
	if err := n.Send(ctx, s); err != nil {
		return nil, err
	}
	if n.asked != nil {
		if err := n.asked(ctx); err != nil {
			return nil, err
		}
	}
	if n.reply == "" {
		return s.Result("", stanza.Limits{})
	}
	return stanza.Parse(strings.ReplaceAll(n.reply, "$ID", s.ID), stanza.Limits{})
}

func (n *network) last(t *testing.T) *stanza.Stanza {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.sent) != 1 {
		t.Fatalf("%d stanzas were sent, want 1", len(n.sent))
	}
	return n.sent[0]
}

func globs(texts ...string) []jid.Glob {
	var out []jid.Glob
	for _, text := range texts {
		g, err := jid.ParseGlob(text)
		if err != nil {
			panic(err)
		}
		out = append(out, g)
	}
	return out
}

// The tokens of the tests; their names are their secrets too.
func tokens() []httpapi.Token {
	all := []httpapi.Token{
		{Name: "all", Scopes: []string{"send", "query"}},
		{Name: "admin", Scopes: []string{"send", "query", "admin"}},
		{Name: "sender", Scopes: []string{"send"}},
		{Name: "asker", Scopes: []string{"query"}},
		{Name: "echo", Scopes: []string{"send", "query"}, From: globs("*-bot@bot.example.com", "echo@bot.example.com"), DefaultFrom: jid.MustParse("echo@bot.example.com")},
		{Name: "bots", Scopes: []string{"send"}, From: globs("*@bot.example.com")},
	}
	for i := range all {
		all[i].Hash = sha256.Sum256([]byte(all[i].Name))
	}
	return all
}

// surface serves POST /rest in front of a network.
func surface(n *network, domains ...string) http.Handler {
	if len(domains) == 0 {
		domains = []string{"bot.example.com"}
	}
	var jids []jid.JID
	for _, d := range domains {
		jids = append(jids, jid.MustParse(d))
	}
	return conform.Must(httpapi.New(httpapi.Options{Tokens: tokens(), MaxBodyBytes: 4000}, rest.New(rest.Options{
		Sender: n, Requester: n, Domains: func() []jid.JID { return jids }, Limits: func(jid.JID) stanza.Limits { return stanza.Limits{MaxBytes: 3000} },
	})).Handler())
}

const (
	xmlType  = "application/xmpp+xml"
	jsonType = "application/json"
)

// post sends a body as the token "all"; headers are name, value pairs.
func post(h http.Handler, contentType, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/rest", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer all")
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestMessageIsSentAndConfirmed(t *testing.T) {
	for _, c := range []struct{ name, contentType, body, want string }{
		{"xml", xmlType, `<message to='u@example.com' type='chat' id='1'><body>a &lt; b</body></message>`,
			`<message type='chat' id='1' from='bot.example.com' to='u@example.com'><body>a &lt; b</body></message>`},
		{"xml with a namespace, other attributes, a final newline", "application/xmpp+xml; charset=utf-8",
			`<message xmlns='jabber:client' to='u@example.com' id='1' foo='bar' xml:lang='de'><body>x</body></message>` + "\n",
			`<message id='1' from='bot.example.com' to='u@example.com' xml:lang='de'><body>x</body></message>`},
		{"xml with from", xmlType, `<presence to='u@example.com' id='1' from='a@bot.example.com/r'/>`,
			`<presence id='1' from='a@bot.example.com/r' to='u@example.com'/>`},
		{"json", jsonType, `{"to":"U@Example.com","id":"1","type":"chat","body":"a < b","subject":"s","thread":"t","lang":"de"}`,
			`<message type='chat' id='1' from='bot.example.com' to='u@example.com' xml:lang='de'><body>a &lt; b</body><subject>s</subject><thread>t</thread></message>`},
		{"json presence", jsonType, `{"kind":"presence","type":"available","to":"u@example.com","id":"1"}`,
			`<presence id='1' from='bot.example.com' to='u@example.com'/>`},
		{"json error", jsonType, `{"to":"u@example.com","id":"1","error":{"type":"wait","condition":"resource-constraint"}}`,
			`<message type='error' id='1' from='bot.example.com' to='u@example.com'><error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := &network{}
			w := post(surface(n), c.contentType, c.body)
			if w.Code != http.StatusAccepted || w.Body.Len() != 0 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if got := n.last(t).XML(); strings.ReplaceAll(got, `"`, `'`) != c.want {
				t.Errorf("sent %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestIDIsGivenWhereAbsent(t *testing.T) {
	n := &network{}
	if w := post(surface(n), jsonType, `{"to":"u@example.com","body":"x"}`); w.Code != 202 {
		t.Fatal(w.Code, w.Body)
	}
	if id := n.last(t).ID; len(id) != 24 {
		t.Errorf("id %q", id)
	}
}

func TestSendThatFails(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		text   string
		retry  string
	}{
		{fmt.Errorf("link: %w", gateway.ErrDown), 503, "nothing was sent", "5"},
		{gateway.ErrRejected, 422, "does not take this stanza", ""},
		{gateway.ErrFull, 507, "nothing was sent", "60"},
		{gateway.ErrBusy, 503, "nothing was sent", "1"},
		{gateway.ErrUnconfirmed, 503, "may or may not arrive", "5"},
		{context.DeadlineExceeded, 503, "may or may not arrive", "5"},
		{errors.New("disk on fire"), 500, "request id", ""},
	} {
		w := post(surface(&network{sendErr: c.err}), jsonType, `{"to":"u@example.com","body":"x","id":"7"}`)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.text) || w.Header().Get("Retry-After") != c.retry {
			t.Errorf("%v: %d, Retry-After %q, %s", c.err, w.Code, w.Header().Get("Retry-After"), w.Body)
		}
		if strings.Contains(w.Body.String(), "disk") {
			t.Errorf("an inner error went to the caller: %s", w.Body)
		}
	}
}

// "stanza" is one whole stanza, and stands alone.
func TestWholeStanzaInJSON(t *testing.T) {
	n := &network{}
	if w := post(surface(n), jsonType, `{"stanza":"<message to='u@example.com' id='7'><x xmlns='urn:x'/></message>"}`); w.Code != 202 || len(n.sent) != 1 || !strings.Contains(n.sent[0].XML(), "<x xmlns='urn:x'/>") {
		t.Errorf("%d %s, sent %v", w.Code, w.Body, n.sent)
	}
	checkError(t, post(surface(&network{}), jsonType, `{"stanza":"<message to='u@example.com'/>","body":"x"}`, "Accept", jsonType), 400, "not-well-formed", "stanza:")
	checkError(t, post(surface(&network{}), jsonType, `{"stanza":"<message>"}`, "Accept", jsonType), 400, "not-well-formed", "")
}
