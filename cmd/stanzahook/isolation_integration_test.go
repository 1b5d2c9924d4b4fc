//go:build integration

package main

import (
	"strings"
	"testing"

	"stanzahook/deploy/lab"
)

// A bot that writes to itself stops after five answers, whatever it writes into
// them; nobody outside can count for it; and a caller may begin thirty times a minute.
func TestLoopsEnd(t *testing.T) {
	onServers(t, func(t *testing.T, kind lab.Kind) {
		s := startServer(t, labOptions(kind, "event"))
		b := newBot(t)
		b.do(func(h *hook) (int, string, string) {
			if h.Type == "error" {
				return 204, "", ""
			}
			return 200, "application/xmpp+xml", "<message><body>again</body><hops xmlns='urn:stanzahook:hops:0'>0</hops></message>"
		})
		p := linked(t, oneComponent(s, "event", b))
		const self = `{"from":"echo@event.localhost","to":"echo@event.localhost","body":"hi","xml":"<hops xmlns='urn:stanzahook:hops:0'>4</hops>"}`
		r, err := p.call("POST", "/v1/messages", "token-all", asJSON, self)
		if err != nil || r.status != 202 {
			t.Fatalf("%+v %v", r, err)
		}
		var list string
		eventually(t, "the dead letter", func() bool {
			r, err := p.call("GET", "/v1/dead-letters", "token-admin", "", "")
			list = r.body
			return err == nil && strings.Contains(list, `"loop"`)
		})
		eventually(t, "the error that says so", func() bool {
			got := b.got()
			return len(got) > 0 && got[len(got)-1].Type == "error"
		})
		if got := b.got(); len(got) != 7 { // one that was sent, five answers, and the error
			t.Errorf("%d requests", len(got))
		}

		alice := login(t, s, "alice")
		alice.send("<message to='echo@event.localhost' type='chat' id='forged'><body>hi</body><hops xmlns='urn:stanzahook:hops:0'>99</hops></message>")
		if got := alice.next("the answer to who counts by himself", func(r lab.Received) bool { return r.Kind == "message" }); got.Body != "again" || strings.Contains(got.Inner, "hops") {
			t.Errorf("%+v", got)
		}

		b.do(func(*hook) (int, string, string) { return 204, "", "" })
		refused := 0
		for i := range 40 {
			path, body := "/v1/messages", self
			if i%2 == 1 {
				path, body = "/rest", `{"kind":"message","from":"echo@event.localhost","to":"echo@event.localhost","body":"hi"}`
			}
			r, err := p.call("POST", path, "token-all", asJSON, body)
			switch {
			case err != nil:
				t.Fatal(err)
			case r.status == 429 && r.header.Get("Retry-After") != "":
				refused++
			case r.status != 202:
				t.Fatalf("%s: %d %s", path, r.status, r.body)
			}
		}
		if refused != 11 { // with the first
			t.Errorf("%d of 41 messages in a minute were refused", refused)
		}
	})
}

// A user whose messages make the bot fail, in as many conversations as he likes,
// and whose attributes would make requests impossible, costs others nothing.
func TestPoison(t *testing.T) {
	onServers(t, func(t *testing.T, kind lab.Kind) {
		s := startServer(t, labOptions(kind, "event"))
		b := newBot(t)
		b.do(func(h *hook) (int, string, string) {
			if strings.HasPrefix(h.From, "mallory@") {
				return 500, "", ""
			}
			return 200, "text/plain", "fine"
		})
		p := linked(t, oneComponent(s, "event", b))
		mallory, alice := login(t, s, "mallory"), login(t, s, "alice")
		lang := "a b"
		if kind == lab.Ejabberd { // it refuses what is no tag
			lang = "en"
		}
		for i := range 60 {
			mallory.send("<message to='p%d@event.localhost' type='chat' id='p%d' xml:lang='%s'><body>poison</body></message>", i, i, lang)
		}
		eventually(t, "the failures", func() bool { return len(b.got()) >= 60 })
		state := func() string {
			r, err := p.call("GET", "/v1/endpoints/echo", "token-admin", "", "")
			if err != nil {
				t.Fatal(err)
			}
			return r.body
		}
		for i := range 15 {
			alice.send("<message to='echo@event.localhost' type='chat' id='a%d'><body>hi</body></message>", i)
			if got := alice.next("an answer", func(r lab.Received) bool { return r.Kind == "message" }); got.Body != "fine" {
				t.Fatalf("message %d: %+v", i, got)
			}
		}
		if text := state(); strings.Contains(text, `"open"`) {
			t.Errorf("the breaker: %s", text)
		}
		alice.send("<presence to='echo@event.localhost' type='..' id='odd'/>")
		if got := alice.next("the refusal of a type that there is not", func(r lab.Received) bool { return r.Kind == "presence" && r.Type == "error" }); !strings.Contains(got.Inner, "bad-request") {
			t.Errorf("%+v", got)
		}
		alice.send("<message to='echo@event.localhost' type='..' id='odd'><body>hi</body></message>")
		eventually(t, "the event", func() bool {
			r, err := p.call("GET", "/v1/deliveries?jid=alice@localhost&limit=1", "token-admin", "", "")
			return err == nil && strings.Contains(r.body, `"message.normal"`)
		})
	})
}
