//go:build integration

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
)

// v1Answer is what the answers of /v1 that these tests look at have in them.
type v1Answer struct {
	ID, State, Kind, Type, From, Condition string
	Error                                  *struct{ Type, Condition string } `json:"stanza_error"`
	Links                                  []struct{ Component, State string }
	Endpoints                              []struct{ Name, State string }
	Store                                  struct {
		Bytes int64
		Full  bool
	}
}

// v1 makes a request that must have this status.
func (p *program) v1(status int, path, body string, headers ...string) v1Answer {
	p.t.Helper()
	var answer v1Answer
	r := p.v1Raw(path, body, headers...)
	if err := json.Unmarshal([]byte(r.body), &answer); err != nil || r.status != status {
		p.t.Errorf("%s %s: %d %s %v, want %d", path, body, r.status, r.body, err, status)
	}
	return answer
}

// v1Raw makes a request; without a body it is a GET.
func (p *program) v1Raw(path, body string, headers ...string) reply {
	p.t.Helper()
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+p.addr+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer token-all")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{Timeout: patience}
	defer client.CloseIdleConnections()
	resp, err := client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(text)}
}

func chatBody(to, text string) string { return fmt.Sprintf(`{"to":%q,"body":%q}`, to, text) }

func TestV1(t *testing.T) {
	forBoth(t, func(t *testing.T, s *lab.Server) {
		b := newBot(t)
		dir, c := t.TempDir(), oneComponent(s, "v1", b)
		p := launchIn(t, dir, c)
		p.awaitLinks(1)
		ivan := login(t, s, "ivan")
		bare, _, _ := strings.Cut(ivan.JID(), "/")
		t.Run("messages", func(t *testing.T) { v1Messages(t, p, b, user{ivan.Client, t}, bare) })
		t.Run("queries", func(t *testing.T) { v1Queries(p, ivan.JID()) })
		t.Run("presence", func(t *testing.T) {
			p.v1(202, "/v1/presence", fmt.Sprintf(`{"to":%q,"from":"p@v1.localhost/x","status":"here"}`, ivan.JID()))
			got := ivan.next("the presence", func(r lab.Received) bool { return r.Kind == "presence" && r.From == "p@v1.localhost/x" })
			if !strings.Contains(got.Inner, "here") {
				t.Errorf("%+v", got)
			}
		})
		t.Run("status", func(t *testing.T) {
			st := p.v1(200, "/v1/status", "")
			if len(st.Links) != 1 || st.Links[0].Component != "v1.localhost" || st.Links[0].State != "up" || len(st.Endpoints) != 1 || st.Endpoints[0].State != "ok" || st.Store.Full || st.Store.Bytes == 0 {
				t.Errorf("%+v", st)
			}
		})
		t.Run("once", func(t *testing.T) {
			v1Once(t, p, user{ivan.Client, t}, bare, func() *program { return launchIn(t, dir, c) })
		})
	})
}

func v1Messages(t *testing.T, p *program, b *bot, u user, bare string) {
	arrives := func(text, id string) {
		t.Helper()
		m := u.next(text, func(r lab.Received) bool { return r.Kind == "message" && r.Body == text })
		if m.Type != "chat" || m.From != "v1.localhost" || m.ID != id {
			t.Errorf("%s: %+v", text, m)
		}
	}
	sent := p.v1(202, "/v1/messages", chatBody(bare, "first <ü>"))
	if sent.State != "confirmed" {
		t.Errorf("%+v", sent)
	}
	arrives("first <ü>", sent.ID)
	if st := p.v1(200, "/v1/messages/"+sent.ID, ""); st.State != "confirmed" || st.ID != sent.ID {
		t.Errorf("%+v", st)
	}
	truth := p.v1(200, "/v1/messages?wait=10s", chatBody(bare, "second"))
	if truth.State != "confirmed" {
		t.Errorf("%+v", truth)
	}
	arrives("second", truth.ID)

	// to a user that is not there
	bounced := p.v1(422, "/v1/messages?wait=10s", chatBody("nobody@localhost", "lost"))
	if bounced.Condition == "" || bounced.Error == nil || bounced.Error.Condition != bounced.Condition || bounced.ID == "" {
		t.Errorf("%+v", bounced)
	}
	isBounced := func(id string) {
		t.Helper()
		eventually(t, "the message is known to be bounced", func() bool {
			st := p.v1(200, "/v1/messages/"+id, "")
			return st.State == "bounced" && st.Error != nil && st.Error.Condition == bounced.Condition
		})
	}
	isBounced(bounced.ID)
	unasked := p.v1(202, "/v1/messages", chatBody("nobody@localhost", "lost too"))
	isBounced(unasked.ID)
	eventually(t, "the bounce nobody waited for is an event", func() bool {
		for _, h := range b.got() {
			if h.Stanza == bounced.ID {
				t.Fatal("the bounce that the caller got is an event too")
			}
			if h.Event == "message.error" && h.Stanza == unasked.ID {
				return true
			}
		}
		return false
	})
	p.v1(404, "/v1/messages/unknown", "")
}

func v1Queries(p *program, full string) {
	pong := p.v1(200, "/v1/iq", fmt.Sprintf(`{"to":%q,"ping":true}`, full))
	if pong.Kind != "iq" || pong.Type != "result" || pong.From != full {
		p.t.Errorf("%+v", pong)
	}
	if refused := p.v1(422, "/v1/iq", fmt.Sprintf(`{"to":"%s-away","ping":true}`, full)); refused.Condition != "service-unavailable" || refused.Error == nil {
		p.t.Errorf("%+v", refused)
	}
}

// v1Once repeats requests, also over a kill.
func v1Once(t *testing.T, p *program, u user, bare string, again func() *program) {
	first := p.v1Raw("/v1/messages", chatBody(bare, "once"), "Idempotency-Key", "k-1")
	for _, restart := range []bool{false, true} {
		if restart {
			p.kill()
			p = again()
			p.awaitLinks(1)
		}
		r := p.v1Raw("/v1/messages", chatBody(bare, "once"), "Idempotency-Key", "k-1")
		if first.status != 202 || r.status != first.status || r.body != first.body || r.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("after a kill %v: %d %s, before that %d %s", restart, r.status, r.body, first.status, first.body)
		}
		p.v1(422, "/v1/messages", chatBody(bare, "another"), "Idempotency-Key", "k-1")
	}
	p.v1(200, "/v1/messages?wait=10s", chatBody(bare, "behind all"))
	var texts []string
	u.next("what is behind all", func(r lab.Received) bool {
		if r.Kind == "message" {
			texts = append(texts, r.Body)
		}
		return r.Body == "behind all"
	})
	if got := strings.Join(texts, ", "); got != "once, behind all" {
		t.Errorf("arrived: %s", got)
	}
}
