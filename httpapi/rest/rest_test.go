package rest_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stanzahook/httpapi"
	"stanzahook/httpapi/openapi/conform"
	"stanzahook/httpapi/rest"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/gateway/gatewaytest"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

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

// surface serves /rest in front of a network.
func surface(n *gatewaytest.Network) http.Handler {
	n.MaxBytes = 3000
	return conform.Must(httpapi.New(httpapi.Options{Tokens: tokens(), MaxBodyBytes: 4000}, rest.New(rest.Options{Sender: n})))
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

func TestIDIsGivenWhereAbsent(t *testing.T) {
	n := &gatewaytest.Network{}
	if w := post(surface(n), jsonType, `{"to":"u@example.com","body":"x"}`); w.Code != 202 {
		t.Fatal(w.Code, w.Body)
	}
	if id := n.Sent()[0].ID; len(id) != 24 {
		t.Errorf("id %q", id)
	}
}

// "stanza" is one whole stanza, and stands alone.
func TestWholeStanzaInJSON(t *testing.T) {
	n := &gatewaytest.Network{}
	if w := post(surface(n), jsonType, `{"stanza":"<message to='u@example.com' id='7'><x xmlns='urn:x'/></message>"}`); w.Code != 202 || len(n.Sent()) != 1 || !strings.Contains(n.Sent()[0].XML(), "<x xmlns='urn:x'/>") {
		t.Errorf("%d %s, sent %v", w.Code, w.Body, n.Sent())
	}
	checkError(t, post(surface(&gatewaytest.Network{}), jsonType, `{"stanza":"<message to='u@example.com'/>","body":"x"}`, "Accept", jsonType), 400, "not-well-formed", "stanza:")
	checkError(t, post(surface(&gatewaytest.Network{}), jsonType, `{"stanza":"<message>"}`, "Accept", jsonType), 400, "not-well-formed", "")
}

// The outcomes of stanzas that were not sent and queries that were not answered. Errors of
// ours do not reach the caller.
func TestSendingThatFails(t *testing.T) {
	const archive = "<iq type='set' to='room@example.com'><query xmlns='urn:xmpp:mam:2'/></iq>"
	for _, c := range []struct {
		body            string
		err             error
		status          int
		condition, text string
		retry           string
	}{
		{hello, fmt.Errorf("link: %w", gateway.ErrDown), 503, "service-unavailable", "nothing was sent", "5"},
		{hello, gateway.ErrRejected, 422, "policy-violation", "does not take this stanza", ""},
		{hello, gateway.ErrFull, 507, "resource-constraint", "nothing was sent", "60"},
		{hello, gateway.ErrBusy, 503, "resource-constraint", "nothing was sent", "1"},
		{hello, gateway.ErrUnconfirmed, 503, "remote-server-timeout", "may or may not arrive", "5"},
		{hello, context.DeadlineExceeded, 503, "remote-server-timeout", "may or may not arrive", "5"},
		{hello, errors.New("disk on fire"), 500, "internal-server-error", "request id", ""},
		{ping, gateway.ErrDown, 503, "service-unavailable", "not answered", "5"},
		{ping, gateway.ErrBusy, 503, "resource-constraint", "nothing was sent", "1"},
		{ping, gateway.ErrSameID, 409, "conflict", "another id", ""},
		{ping, context.DeadlineExceeded, 504, "remote-server-timeout", "IQ stanza timed out", ""},
		{archive, gateway.ErrTooMuch, 422, "resource-constraint", "ask for pages", ""},
		{archive, gateway.ErrBusy, 503, "resource-constraint", "nothing was sent", "1"},
		{archive, gateway.ErrSameID, 409, "conflict", "use another id", ""},
		{archive, context.DeadlineExceeded, 504, "remote-server-timeout", "IQ stanza timed out", ""},
	} {
		n := &gatewaytest.Network{Err: c.err}
		w := post(library(n, c.err), xmlType, c.body, "Accept", jsonType)
		checkError(t, w, c.status, c.condition, c.text)
		if w.Header().Get("Retry-After") != c.retry || strings.Contains(w.Body.String(), "disk") {
			t.Errorf("%v: Retry-After %q, %s", c.err, w.Header().Get("Retry-After"), w.Body)
		}
		if c.body == archive && len(n.Sent()) > 0 {
			t.Errorf("%v: the query was not collected", c.err)
		}
	}
}

// library serves /rest in front of a network and an archive that fails.
func library(n *gatewaytest.Network, err error) http.Handler {
	return conform.Must(httpapi.New(httpapi.Options{Tokens: tokens()}, rest.New(rest.Options{
		Sender: n, Query: func(context.Context, *stanza.Stanza) ([]*stanza.Stanza, error) { return nil, err },
	})))
}

// Only a query of an archive has its results collected.
func TestWhoAsksAnArchive(t *testing.T) {
	for _, query := range []string{
		"<iq type='get' to='room@example.com'><query xmlns='urn:xmpp:mam:2'/></iq>",
		"<iq type='set' to='room@example.com'><prefs xmlns='urn:xmpp:mam:2'/></iq>",
		"<iq type='set' to='room@example.com'><query xmlns='jabber:iq:register'/></iq>",
	} {
		n := &gatewaytest.Network{}
		if w := post(library(n, gateway.ErrTooMuch), xmlType, query); w.Code != 200 || len(n.Sent()) != 1 {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}
