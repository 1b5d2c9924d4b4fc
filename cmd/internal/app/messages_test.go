package app

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/component/componenttest"
	"stanzahook/pkg/stanza"
)

// messageBot is an endpoint that keeps the data of its events.
type messageBot struct {
	*httptest.Server
	events chan map[string]any
	answer string // JSON of the next answers
}

func newMessageBot(t *testing.T) *messageBot {
	b := &messageBot{events: make(chan map[string]any, 100)}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var ev struct {
			Type string
			Data map[string]any
		}
		if err := json.Unmarshal(body, &ev); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		ev.Data["event_type"] = ev.Type
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, b.answer)
		b.events <- ev.Data
	}))
	t.Cleanup(b.Close)
	return b
}

// next is the next event, of a type.
func (b *messageBot) next(t *testing.T, typ string) map[string]any {
	t.Helper()
	select {
	case data := <-b.events:
		if data["event_type"] != typ {
			t.Errorf("%v, want %s", data, typ)
		}
		return data
	case <-time.After(time.Minute):
		t.Fatalf("no %s", typ)
		return nil
	}
}

func (x *running) fromUser(id, inner string) {
	x.srv.Send("<message type='chat' id='" + id + "' from='u@example.com/r' to='echo@bot.example.com'>" + inner + "</message>")
}

// say sends a message and returns its id and ref.
func (x *running) say(method, path, body string) (id, ref string) {
	x.t.Helper()
	status, answer := x.call("", method, path, body)
	var v struct{ ID, Ref string }
	if err := json.Unmarshal([]byte(answer), &v); err != nil || status/100 != 2 || v.Ref == "" {
		x.t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	return v.ID, v.Ref
}

// A reaction to what the bot has sent has the ref that the sender got, after a restart, too;
// what was sent before it is corrected by its ref. Receipts and markers make states.
func TestMessagesByRef(t *testing.T) {
	b := newMessageBot(t)
	x := startApp(t, noAuth+fmt.Sprintf("endpoints: [{name: echo, url: %q}]\n", b.URL))
	const hello = `{"from":"echo@bot.example.com","to":"u@example.com","body":"hello","track":true}`
	id, ref := x.say("POST", "/v1/messages", hello)
	if out := x.srv.ExpectID(id); !strings.Contains(out.XML(), "<origin-id xmlns='urn:xmpp:sid:0' id='"+id+"'/>") {
		t.Errorf("%s", out.XML())
	}
	react := func(n int) {
		t.Helper()
		x.fromUser(fmt.Sprint("react", n), "<reactions xmlns='urn:xmpp:reactions:0' id='"+id+"'><reaction>👍</reaction></reactions>")
		if got := b.next(t, "message.reaction"); got["ref_of"] != ref {
			t.Errorf("the reaction is to %v, the message is %s", got["ref_of"], ref)
		}
	}
	react(1)
	// not listed by the endpoint, but known of the message
	x.fromUser("seen", "<received xmlns='urn:xmpp:receipts' id='"+id+"'/>")
	x.srv.Send("<message type='chat' from='mallory@example.com' to='echo@bot.example.com'><displayed xmlns='urn:xmpp:chat-markers:0' id='" + id + "'/></message>")
	status, answer := x.call("", "GET", "/v1/messages/"+id+"?wait=10s&wait_for=received", "")
	if status != 200 || !strings.Contains(answer, `"state":"received"`) || strings.Contains(answer, `"received":null`) || !strings.Contains(answer, `"displayed":null`) {
		t.Errorf("%d %s", status, answer)
	}
	// a reaction by ref of the event
	x.fromUser("m1", "<body>hi</body><origin-id xmlns='urn:xmpp:sid:0' id='o1'/>")
	theirs := b.next(t, "message.chat")
	_, _ = x.say("PUT", fmt.Sprintf("/v1/messages/%s/reactions", theirs["ref"]), `{"emoji":["✅"]}`)
	out := x.srv.Expect("the reaction", func(s *stanza.Stanza) bool { _, ok := s.Child("urn:xmpp:reactions:0", ""); return ok })
	if c, _ := out.Child("urn:xmpp:reactions:0", ""); !strings.Contains(out.ChildXML(c), "'o1'") || out.From.String() != "echo@bot.example.com" {
		t.Errorf("%s", out.XML())
	}
	// its error is nobody's business; that of a text is
	x.srv.Send("<message type='error' id='" + out.ID + "' from='u@example.com' to='echo@bot.example.com'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
	x.srv.Send("<message type='error' id='" + id + "' from='u@example.com' to='echo@bot.example.com'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
	if got := b.next(t, "message.error"); got["id"] != id {
		t.Errorf("%v", got)
	}
	if n := x.quiet.Swallowed.Load(); n != 1 {
		t.Errorf("%d errors are swallowed", n)
	}
	// the next process
	x.Stop()
	cfg, err := x.r.Load()
	require.NoError(t, err)
	x.App, err = Start(t.Context(), cfg, x.log, nil, x.r)
	require.NoError(t, err)
	componenttest.Eventually(t, "the link", func() bool { return x.links["bot.example.com"].Connected() })
	react(2)
	fix, same := x.say("PATCH", "/v1/messages/"+ref, `{"body":"hallo"}`)
	if out := x.srv.ExpectID(fix); !strings.Contains(out.XML(), "<replace xmlns='urn:xmpp:message-correct:0' id='"+id+"'/>") || same != ref {
		t.Errorf("%s, ref %s", out.XML(), same)
	}
	x.fromUser("react3", "<reactions xmlns='urn:xmpp:reactions:0' id='"+fix+"'/>")
	if got := b.next(t, "message.reaction"); got["ref_of"] != ref {
		t.Errorf("a reaction to the correction is to %v", got["ref_of"])
	}
}
