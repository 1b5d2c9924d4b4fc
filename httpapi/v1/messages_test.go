package v1_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"stanzahook/httpapi/v1"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/gateway/gatewaytest"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// book keeps requests in memory.
type book struct {
	mu   sync.Mutex
	kept map[string]store.IdempotentRequest
	err  error
}

func (b *book) Begin(_ context.Context, key string, r store.IdempotentRequest) (store.IdempotentRequest, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known, ok := b.kept[key]; ok || b.err != nil {
		return known, false, b.err
	}
	if b.kept == nil {
		b.kept = make(map[string]store.IdempotentRequest)
	}
	b.kept[key] = r
	return r, true, nil
}

func (b *book) End(_ context.Context, key string, r store.IdempotentRequest) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept[key] = r
	return b.err
}

// api is the API in front of a network.
func api(n *gatewaytest.Network, b *book) http.Handler {
	n.MaxBytes = 10_000
	o := v1.Options{Deliveries: &fake{}, Sender: n, Sent: sent, IQTimeout: 20 * time.Millisecond, IQMaxTimeout: time.Minute,
		Status: func(context.Context) (v1.Status, error) {
			return v1.Status{Version: "1", Store: v1.StoreStatus{Kind: "embedded"}}, nil
		}}
	if b != nil {
		o.Requests = b
	}
	return serve(o)
}

// sent has one message of the token sender.
func sent(_ context.Context, id, caller string) (store.SentMessage, error) {
	if id != "m/1" || caller != "" && caller != "sender" {
		return store.SentMessage{}, gateway.ErrNotFound
	}
	e := stanza.Error{Type: stanza.Cancel, Condition: stanza.ServiceUnavailable, Text: "no"}
	return store.SentMessage{ID: id, From: "bot.example.com", To: "u@example.com", State: "bounced", Time: now, Changed: now.Add(time.Second),
		Stanza: "<message type='error'>" + e.XML() + "</message>"}, nil
}

// post makes a POST, or a GET if there is no body.
func post(h http.Handler, token, path, body string, headers ...string) *httptest.ResponseRecorder {
	method := "POST"
	if body == "" {
		method = "GET"
	}
	return ask(h, token, method, path, body, headers...)
}

// xml returns what was sent.
func xml(n *gatewaytest.Network) (all []string) {
	for _, s := range n.Sent() {
		all = append(all, s.XML())
	}
	return all
}

func silent(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

// bouncing is what Send returns for a message that came back.
func bouncing() error {
	return &gateway.Bounced{Stanza: stanza.Must(stanza.Parse(bounceXML, stanza.Limits{}))}
}

const bounceXML = "<message type='error' id='1' from='u@example.com' to='bot.example.com'><error type='cancel' by='example.com'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>gone</text></error></message>"

// TestSending has what is sent and answered.
func TestSending(t *testing.T) {
	confirmed, queued := &gatewaytest.Network{}, &gatewaytest.Network{State: gateway.Queued}
	back := &gatewaytest.Network{Err: bouncing()}
	const ping = "<iq type='result' id='$ID' from='u@example.com' to='bot.example.com'/>"
	for _, c := range []struct {
		name, token, path, body string
		network                 *gatewaytest.Network
		result                  string
		status                  int
		sent                    string // ID is any id
		answer                  string // a part of it
	}{
		{"message", "sender", "/v1/messages", `{"to":"u@example.com","body":"hi","id":"1"}`, confirmed, "", 202,
			"<message type='chat' id='1' from='bot.example.com' to='u@example.com'><body>hi</body><origin-id xmlns='urn:xmpp:sid:0' id='1'/></message>", `{"id":"1","state":"confirmed","ref":"r1_`},
		{"after a byte order mark", "sender", "/v1/messages", "\ufeff" + `{"to":"u@example.com","body":"hi","id":"1"}`, confirmed, "", 202, "", `"confirmed"`},
		{"queued", "sender", "/v1/messages", `{"to":"u@example.com","body":"hi","id":"1"}`, queued, "", 202, "", `{"id":"1","state":"queued"`},
		{"all of it", "sender", "/v1/messages", `{"kind":"message","to":"room@muc.example.com","type":"groupchat","body":"hi","xml":"<x xmlns='urn:x'/>","id":"1","lang":"de","from":"a@bot.example.com/r"}`, confirmed, "", 202,
			"<message type='groupchat' id='1' from='a@bot.example.com/r' to='room@muc.example.com' xml:lang='de'><body>hi</body><x xmlns='urn:x'/><origin-id xmlns='urn:xmpp:sid:0' id='1'/></message>", ""},
		{"the token's own address", "bound", "/v1/messages", `{"to":"u@example.com","body":"hi","id":"1"}`, confirmed, "", 202,
			"<message type='chat' id='1' from='alice@bot.example.com' to='u@example.com'><body>hi</body><origin-id xmlns='urn:xmpp:sid:0' id='1'/></message>", ""},
		{"wait", "sender", "/v1/messages?wait=5s", `{"to":"u@example.com","body":"hi","id":"1"}`, confirmed, "", 200, "", `{"id":"1","state":"confirmed"`},
		{"wait in vain", "sender", "/v1/messages?wait=5s", `{"to":"u@example.com","body":"hi","id":"1"}`, queued, "", 202, "", `{"id":"1","state":"queued"`},
		{"bounce", "sender", "/v1/messages?wait=5s", `{"to":"u@example.com","body":"hi","id":"1"}`, back, "", 422, "",
			`"condition":"service-unavailable","id":"1","stanza_error":{"type":"cancel","condition":"service-unavailable","text":"gone","by":"example.com"}}`},
		{"not waited for", "sender", "/v1/messages?wait=0s", `{"to":"u@example.com","body":"hi","id":"1"}`, back, "", 202, "", `"confirmed"`},
		{"privileged", "all", "/v1/messages", `{"to":"example.com","xml":"<privilege xmlns='urn:xmpp:privilege:2'/>","id":"1"}`, confirmed, "", 202, "", ""},
		{"presence", "sender", "/v1/presence", `{"to":"u@example.com","show":"away","id":"1"}`, confirmed, "", 202,
			"<presence id='1' from='bot.example.com' to='u@example.com'><show>away</show></presence>", ""},
		{"subscription", "sender", "/v1/presence", `{"to":"u@example.com","type":"subscribe","id":"1"}`, confirmed, "", 202,
			"<presence type='subscribe' id='1' from='bot.example.com' to='u@example.com'/>", ""},
		{"room", "sender", "/v1/presence", `{"to":"room@muc.example.com/bot","muc":{},"type":"available","id":"1"}`, confirmed, "", 202,
			"<presence id='1' from='bot.example.com' to='room@muc.example.com/bot'><x xmlns='http://jabber.org/protocol/muc'/></presence>", ""},
		{"iq", "asker", "/v1/iq", `{"to":"u@example.com","ping":true,"id":"1"}`, confirmed, ping, 200,
			"<iq type='get' id='1' from='bot.example.com' to='u@example.com'><ping xmlns='urn:xmpp:ping'/></iq>", `{"kind":"iq","type":"result","to":"bot.example.com","from":"u@example.com","id":"1"}`},
		{"iq that is set", "asker", "/v1/iq?timeout=30s", `{"to":"u@example.com","type":"set","xml":"<x xmlns='urn:x'/>","id":"1"}`, confirmed, ping, 200,
			"<iq type='set' id='1' from='bot.example.com' to='u@example.com'><x xmlns='urn:x'/></iq>", ""},
		{"iq error", "asker", "/v1/iq", `{"to":"u@example.com","ping":true,"id":"1"}`, confirmed,
			"<iq type='error' id='$ID' from='u@example.com' to='bot.example.com'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>", 422, "", `"condition":"forbidden"`},
		{"iq timeout", "asker", "/v1/iq", `{"to":"u@example.com","ping":true,"id":"1"}`, confirmed, "", 504, "", `u@example.com has not answered in time`},
		{"another's message", "all", "/v1/messages/m/1", "", confirmed, "", 200, "",
			`{"id":"m/1","state":"bounced","from":"bot.example.com","to":"u@example.com","time":"2026-11-20T18:00:00Z","changed":"2026-11-20T18:00:01Z","received":null,"displayed":null,"stanza_error":{"type":"cancel","condition":"service-unavailable","text":"no","by":null}}`},
		{"an own message", "sender", "/v1/messages/m/1", "", confirmed, "", 200, "", `"bounced"`},
		{"status", "none", "/v1/status", "", confirmed, "", 200, "", `"version":"1"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := &gatewaytest.Network{State: c.network.State, Err: c.network.Err, Reply: c.result}
			if c.status == 504 {
				n.Asked = silent
			}
			w := post(api(n, nil), c.token, c.path, c.body)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.answer) {
				t.Errorf("%d %s\nwant %d …%s…", w.Code, w.Body, c.status, c.answer)
			}
			if all := xml(n); c.sent != "" && (len(all) != 1 || all[0] != c.sent) {
				t.Errorf("sent %s\nwant %s", all, c.sent)
			}
			want := "application/json"
			if c.status >= 400 {
				want = "application/problem+json"
			}
			var v any
			if got := w.Header().Get("Content-Type"); got != want || json.Unmarshal(w.Body.Bytes(), &v) != nil {
				t.Errorf("%s: %s", got, w.Body)
			}
		})
	}
}

// TestNotSent has what is refused, and with which words.
func TestNotSent(t *testing.T) {
	two := []jid.JID{jid.MustParse("bot.example.com"), jid.MustParse("news.example.com")}
	const good = `{"to":"u@example.com","body":"hi"}`
	for _, c := range []struct {
		name, token, path, body string
		domains                 []jid.JID
		err                     error
		status                  int
		text                    string
	}{
		{"unknown field", "sender", "/v1/messages", `{"to":"u@example.com","bdoy":"hi"}`, nil, nil, 400, "bdoy: unknown key"},
		{"field of another kind", "sender", "/v1/messages", `{"to":"u@example.com","show":"away"}`, nil, nil, 400, "show: goes with"},
		{"a whole stanza", "sender", "/v1/messages", `{"stanza":"<message/>"}`, nil, nil, 400, "stanza: "},
		{"no object", "sender", "/v1/messages", `[]`, nil, nil, 400, "object"},
		{"two objects", "sender", "/v1/messages", good + good, nil, nil, 400, "follows"},
		{"not UTF-8", "sender", "/v1/messages", "{\"body\":\"\xff\"}", nil, nil, 400, "UTF-8"},
		{"no to", "sender", "/v1/messages", `{"body":"hi"}`, nil, nil, 400, "to: is missing"},
		{"bad to", "sender", "/v1/messages", `{"to":"a b@c","body":"hi"}`, nil, nil, 400, "to: "},
		{"nothing in it", "sender", "/v1/messages", `{"to":"u@example.com"}`, nil, nil, 400, "body: is missing"},
		{"bad type", "sender", "/v1/messages", `{"to":"u@example.com","body":"hi","type":"chta"}`, nil, nil, 400, "type: \"chta\" does not go here; write chat"},
		{"type of an iq", "sender", "/v1/messages", `{"to":"u@example.com","body":"hi","type":"get"}`, nil, nil, 400, "does not go here"},
		{"kind", "sender", "/v1/messages", `{"kind":"iq","to":"u@example.com","ping":true}`, nil, nil, 400, "kind: iq does not go here"},
		{"XML that is none", "sender", "/v1/messages", `{"to":"u@example.com","xml":"<x>"}`, nil, nil, 400, "xml: "},
		{"too large", "sender", "/v1/messages", `{"to":"u@example.com","body":"` + strings.Repeat("<", 5000) + `"}`, nil, nil, 413, "limit"},
		{"no scope", "asker", "/v1/messages", good, nil, nil, 403, "scope"},
		{"no scope for presence", "asker", "/v1/presence", good, nil, nil, 403, "scope"},
		{"no scope for iq", "sender", "/v1/iq", good, nil, nil, 403, "scope"},
		{"no from, two components", "sender", "/v1/messages", good, two, nil, 400, "from: is missing, and there is not exactly one component; write an address at bot.example.com, news.example.com"},
		{"from elsewhere", "sender", "/v1/messages", `{"to":"u@example.com","body":"hi","from":"u@example.com"}`, nil, nil, 403, "from: u@example.com is not at a component"},
		{"from a subdomain", "sender", "/v1/messages", `{"to":"u@example.com","body":"hi","from":"u@x.bot.example.com"}`, nil, nil, 403, "from: "},
		{"from another", "bound", "/v1/messages", `{"to":"u@example.com","body":"hi","from":"bob@bot.example.com"}`, nil, nil, 403, "from: the token may not use bob@bot.example.com; allowed are alice@bot.example.com"},
		{"privileges", "sender", "/v1/messages", `{"to":"example.com","xml":"<privilege xmlns='urn:xmpp:privilege:2'/>"}`, nil, nil, 403, "admin"},
		{"roster", "asker", "/v1/iq", `{"to":"u@example.com","xml":"<query xmlns='jabber:iq:roster'/>"}`, nil, nil, 403, "admin"},
		{"wait", "sender", "/v1/messages?wait=61s", good, nil, nil, 400, "wait: "},
		{"wait that is none", "sender", "/v1/messages?wait=5", good, nil, nil, 400, "wait: "},
		{"unknown parameter", "sender", "/v1/messages?wiat=5s", good, nil, nil, 400, "wiat: "},
		{"timeout", "asker", "/v1/iq?timeout=61s", good, nil, nil, 400, "timeout: "},
		{"no time", "asker", "/v1/iq?timeout=0s", good, nil, nil, 400, "timeout: "},
		{"two children", "asker", "/v1/iq", `{"to":"u@example.com","xml":"<a xmlns='urn:x'/><b xmlns='urn:x'/>"}`, nil, nil, 400, "this has 2"},
		{"no child", "asker", "/v1/iq", `{"to":"u@example.com"}`, nil, nil, 400, "this has 0"},
		{"a room without a nickname", "sender", "/v1/presence", `{"to":"room@muc.example.com","muc":{}}`, nil, nil, 400, "nickname"},
		{"an error without one", "sender", "/v1/messages", `{"to":"u@example.com","type":"error","body":"x"}`, nil, nil, 400, "error: "},
		{"down", "asker", "/v1/iq", `{"to":"u@example.com","ping":true}`, nil, gateway.ErrDown, 503, "no connection"},
		{"the same id", "asker", "/v1/iq", `{"to":"u@example.com","ping":true}`, nil, gateway.ErrSameID, 409, "id: "},
		{"busy", "sender", "/v1/messages", good, nil, gateway.ErrBusy, 503, "in a second"},
		{"full", "sender", "/v1/messages", good, nil, fmt.Errorf("%w: of it", gateway.ErrFull), 507, "the outbox is full"},
		{"rejected", "sender", "/v1/messages", good, nil, gateway.ErrRejected, 422, "too large"},
		{"unconfirmed", "sender", "/v1/messages", good, nil, gateway.ErrUnconfirmed, 503, `with the id "`},
		{"inner error", "sender", "/v1/messages", good, nil, errors.New("disk on fire"), 500, "request id"},
		{"another's message", "bound", "/v1/messages/m/1", "", nil, nil, 404, "m/1"},
		{"a message for those who may not send", "asker", "/v1/messages/m/1", "", nil, nil, 403, "scope"},
		{"a parameter of the status", "none", "/v1/status?x=1", "", nil, nil, 400, "x: "},
		{"the status without a token", "nobody", "/v1/status", "", nil, nil, 401, "token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := &gatewaytest.Network{Components: c.domains, Err: c.err}
			isProblem(t, post(api(n, nil), c.token, c.path, c.body), c.status, c.text)
			if c.err == nil && len(n.Sent()) > 0 {
				t.Errorf("sent: %s", xml(n))
			}
		})
	}
}

// A body that is compressed, or in an unknown charset, is refused by name.
func TestCodings(t *testing.T) {
	for _, path := range []string{"/v1/messages", "/v1/presence", "/v1/iq"} {
		isProblem(t, post(api(&gatewaytest.Network{}, nil), "all", path, "\xff", "Content-Encoding", "gzip"), 415, `"gzip"`)
		isProblem(t, post(api(&gatewaytest.Network{}, nil), "all", path, "\xff", "Content-Type", "text/plain; charset=koi8-r"), 400, `"koi8-r"`)
	}
}
