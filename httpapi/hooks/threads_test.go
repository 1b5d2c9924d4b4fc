package hooks_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/zap"

	"stanzahook/httpapi/hooks"
	"stanzahook/pkg/hook"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// threadRig is a rig whose threads are in a store; again starts it anew on the same files.
type threadRig struct {
	*rig
	t      *testing.T
	dir    string
	change func(*hooks.Hook)
	store  *store.Store
}

func newThreadRig(t *testing.T, update string, change func(*hooks.Hook)) *threadRig {
	g := &threadRig{t: t, dir: t.TempDir(), change: func(h *hooks.Hook) {
		o := h.Reader.Options
		if o.Update = update; o.Adapter == "text" || o.Adapter == "json" {
			o.Thread = "{{.text}}"
		}
		if r, err := hook.New(o); err == nil {
			h.Reader = r
		}
		if change != nil {
			change(h)
		}
	}}
	g.again()
	t.Cleanup(func() { g.store.Close() })
	return g
}

func (g *threadRig) again() {
	g.t.Helper()
	if g.store != nil {
		g.store.Close()
	}
	var err error
	if g.store, err = store.Open(g.t.Context(), store.Options{Dir: g.dir, MaxBytes: 64 << 20}); err != nil {
		g.t.Fatal(err)
	}
	g.rig = newRigWith(g.t, g.change, hooks.NewThreads(g.store.Threads(), zap.NewNop()))
}

func (g *threadRig) group(key, state string) *httptest.ResponseRecorder {
	g.t.Helper()
	w := g.call("POST", "/hooks/alertmanager/s3cret-alertmanager", fmt.Sprintf(`{"groupKey":%q,"status":%q,"alerts":[{"status":%[2]q,"labels":{"alertname":"Disk"}}]}`, key, state))
	if w.Code != 202 {
		g.t.Fatalf("%d %s", w.Code, w.Body)
	}
	return w
}

// last is the latest message, which has a reference in a namespace: its id.
func (g *threadRig) last(space, name string) string {
	g.t.Helper()
	all := g.net.Sent()
	s := all[len(all)-1]
	c, ok := s.Child(space, name)
	if !ok {
		return ""
	}
	id, _ := s.ChildAttr(c, "id")
	return id
}

const nsReply, nsCorrect = "urn:xmpp:reply:0", "urn:xmpp:message-correct:0"

// Every later state of a thread replies to its first message, or corrects it, also over a
// restart; whichever state came first has it.
func TestLaterStates(t *testing.T) {
	for update, wants := range map[string]struct{ space, name string }{"": {nsReply, "reply"}, hook.UpdateCorrect: {nsCorrect, "replace"}} {
		t.Run(update, func(t *testing.T) {
			g := newThreadRig(t, update, nil)
			g.group("g1", "firing")
			first := g.net.Sent()[0].ID
			if id := g.last(wants.space, wants.name); id != "" {
				t.Errorf("the first message refers to %s", id)
			}
			g.again()
			for _, state := range []string{"resolved", "firing"} {
				if g.group("g1", state); g.last(wants.space, wants.name) != first {
					t.Errorf("%s: refers to %q, not %q: %s", state, g.last(wants.space, wants.name), first, g.net.Sent()[0].XML())
				}
			}
			g.group("g2", "resolved") // before it fired
			before := g.net.Sent()[len(g.net.Sent())-1].ID
			if id := g.last(wants.space, wants.name); id != "" {
				t.Errorf("of another group: refers to %s", id)
			}
			if g.group("g2", "firing"); g.last(wants.space, wants.name) != before {
				t.Errorf("firing after resolved: refers to %q", g.last(wants.space, wants.name))
			}
		})
	}
	g := newThreadRig(t, hook.UpdateNew, nil)
	g.group("g", "firing")
	if g.group("g", "resolved"); g.last(nsReply, "reply") != "" || g.store.Threads().Count("alertmanager") != 0 {
		t.Error("update: new refers to something")
	}
}

// A thread of the template of a hook, each recipient with a first message of its own. A
// delivery that is repeated does not refer to itself, and one that failed is no first.
func TestThreadsOfRecipients(t *testing.T) {
	g := newThreadRig(t, "", func(h *hooks.Hook) { h.To = append(h.To, jid.MustParse("romeo@example.com")) })
	post := func(id string) {
		t.Helper()
		if w := g.call("POST", "/hooks/text/s3cret-text", "door", "Idempotency-Key: "+id); w.Code != 202 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	post("1")
	sent := g.net.Sent()
	for key, r := range g.requests.all { // as after a kill before the answer
		r.Status, r.Answer = 0, nil
		g.requests.all[key] = r
	}
	post("1")
	for i, s := range g.net.Sent() {
		if s.ID != sent[i%2].ID || strings.Contains(s.XML(), "<reply") {
			t.Errorf("repeated: %s", s.XML())
		}
	}
	post("2")
	for i, s := range g.net.Sent()[4:] {
		if !strings.Contains(s.XML(), "<reply xmlns='urn:xmpp:reply:0' id='"+sent[i].ID+"' to='alerts@bot.example.com'/>") {
			t.Errorf("%s: %s", s.To, s.XML())
		}
	}
	g.net.Err = store.ErrClosed
	g.call("POST", "/hooks/text/s3cret-text", "window")
	g.net.Err = nil
	g.call("POST", "/hooks/text/s3cret-text", "window")
	if g.last(nsReply, "reply") != "" {
		t.Error("refers to a message that was not sent")
	}
}

// A message in a room is referred to by the id that the room has given its copy, which may
// come before it is known to be sent, or after a restart.
func TestThreadsInRooms(t *testing.T) {
	room := jid.MustParse("ops@rooms.example.com")
	g := newThreadRig(t, "", func(h *hooks.Hook) { h.To = []jid.JID{room}; h.Rooms = []jid.JID{room} })
	echo := func(id string) {
		m := stanza.Must(stanza.Parse("<message type='groupchat' from='ops@rooms.example.com/alerts' to='alerts@bot.example.com' id='"+id+"'><body>x</body><stanza-id xmlns='urn:xmpp:sid:0' by='ops@rooms.example.com' id='room-"+id+"'/></message>", stanza.Limits{}))
		g.threads.Echoed(message.InRoom(m, message.RoomIDs{StanzaIDs: true, Own: jid.MustParse("ops@rooms.example.com/alerts")}))
	}
	g.net.Entered, g.net.Leave = make(chan struct{}), make(chan struct{})
	go func() {
		<-g.net.Entered
		echo(g.net.Sent()[0].ID)
		g.net.Leave <- struct{}{}
	}()
	g.group("early", "firing")
	g.net.Entered = nil
	early := g.net.Sent()[0]
	if early.Type != "groupchat" {
		t.Errorf("it is %s", early.XML())
	}
	g.group("late", "firing")
	late := g.net.Sent()[1].ID
	g.again()
	echo(late)
	for key, id := range map[string]string{"early": early.ID, "late": late} {
		if g.group(key, "resolved"); g.last(nsReply, "reply") != "room-"+id || !strings.Contains(g.net.Sent()[len(g.net.Sent())-1].XML(), "to='ops@rooms.example.com/alerts'") {
			t.Errorf("%s: refers to %q, not room-%s", key, g.last(nsReply, "reply"), id)
		}
	}
}

// A message in a room that nobody can reply to does not spoil its thread: the next one is the
// first. One that could not be sent is none, also over a restart.
func TestFirstsThatNobodyHas(t *testing.T) {
	room := jid.MustParse("ops@rooms.example.com")
	g := newThreadRig(t, "", func(h *hooks.Hook) { h.To = []jid.JID{room}; h.Rooms = []jid.JID{room} })
	echo := func(id string) {
		m := stanza.Must(stanza.Parse("<message type='groupchat' from='ops@rooms.example.com/alerts' to='alerts@bot.example.com' id='"+id+"'><body>x</body><stanza-id xmlns='urn:xmpp:sid:0' by='ops@rooms.example.com' id='room-"+id+"'/></message>", stanza.Limits{}))
		g.threads.Echoed(message.InRoom(m, message.RoomIDs{StanzaIDs: true, Own: jid.MustParse("ops@rooms.example.com/alerts")}))
	}
	g.group("g", "firing") // its copy never comes
	g.group("g", "resolved")
	second := g.net.Sent()[1].ID
	g.again() // a state counts once an hour, so the next one needs another process
	echo(second)
	if g.group("g", "firing"); g.last(nsReply, "reply") != "room-"+second {
		t.Errorf("refers to %q, not to the second message: room-%s", g.last(nsReply, "reply"), second)
	}

	g = newThreadRig(t, hook.UpdateCorrect, func(h *hooks.Hook) { h.To = []jid.JID{room}; h.Rooms = []jid.JID{room} })
	g.group("g", "firing")
	failed := g.net.Sent()[0]
	g.threads.Failed(t.Context(), failed)
	if n := g.store.Threads().Count("alertmanager"); n != 0 {
		t.Errorf("%d threads, want none", n)
	}
	g.again()
	if g.group("g", "resolved"); g.last(nsCorrect, "replace") != "" {
		t.Errorf("corrects %q, which was not sent", g.last(nsCorrect, "replace"))
	}
	g.threads.Failed(t.Context(), failed) // once more: the thread has begun anew
	if n := g.store.Threads().Count("alertmanager"); n != 1 {
		t.Errorf("%d threads, want 1", n)
	}
}

// A first message that comes back is none: the next state is a message of its own, and later
// ones refer to that. One that comes back later in a thread is not missed.
func TestFirstsThatCameBack(t *testing.T) {
	for _, when := range []string{"same process", "after a restart"} {
		t.Run(when, func(t *testing.T) {
			g := newThreadRig(t, "", nil)
			back := func(s *stanza.Stanza) {
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				g.threads.Bounced(stanza.Must(stanza.Parse("<message type='error' from='juliet@example.com/x' to='alerts@bot.example.com' id='"+s.ID+"'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>", stanza.Limits{})))
				g.threads.Run(ctx) // ends when all that came back is done
			}
			g.group("g", "firing")
			g.group("other", "firing")
			first := g.net.Sent()[0]
			if when != "same process" {
				g.again()
			}
			if back(first); g.store.Threads().Count("alertmanager") != 1 {
				t.Errorf("%d threads, want that of the other group", g.store.Threads().Count("alertmanager"))
			}
			if g.group("g", "resolved"); g.last(nsReply, "reply") != "" {
				t.Errorf("replies to %q, which came back", g.last(nsReply, "reply"))
			}
			second := g.net.Sent()[len(g.net.Sent())-1]
			back(first) // once more
			g.again()
			g.group("g", "firing")
			third := g.net.Sent()[len(g.net.Sent())-1]
			if g.last(nsReply, "reply") != second.ID {
				t.Errorf("replies to %q, not to the second message %q", g.last(nsReply, "reply"), second.ID)
			}
			if back(third); g.store.Threads().Count("alertmanager") != 2 {
				t.Error("a reply that came back has ended its thread")
			}
		})
	}
}

// The ts of chat.postMessage is a handle over restarts: thread_ts replies to the message,
// chat.update corrects it, in the channel where it is.
func TestSlackMessages(t *testing.T) {
	g := newThreadRig(t, hook.UpdateNew, func(h *hooks.Hook) {
		h.Targets = map[string]jid.JID{"ops": jid.MustParse("ops@example.com"), "dev": jid.MustParse("dev@example.com")}
	})
	call := func(method, body string) (v struct {
		OK                       bool
		Error, TS, Channel, Text string
	}) {
		t.Helper()
		w := g.call("POST", "/api/"+method, body, "Authorization: Bearer s3cret-slack", "Content-Type: application/json")
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || w.Code != 200 {
			t.Fatalf("%s: %d %s", body, w.Code, w.Body)
		}
		return v
	}
	first := call("chat.postMessage", `{"channel":"ops","text":"Deploying"}`)
	other := call("chat.postMessage", `{"channel":"ops","text":"another"}`)
	if !first.OK || first.TS == other.TS || first.Channel != "ops" {
		t.Fatalf("%+v %+v", first, other)
	}
	id := g.net.Sent()[0].ID
	g.again()
	reply := call("chat.postMessage", `{"channel":"ops","text":"50 %","thread_ts":"`+first.TS+`"}`)
	if !reply.OK || g.last(nsReply, "reply") != id {
		t.Errorf("%+v refers to %q, not %q", reply, g.last(nsReply, "reply"), id)
	}
	replied := g.net.Sent()[0].ID
	if v := call("chat.update", `{"channel":"ops","text":"Deployed","ts":"`+first.TS+`"}`); !v.OK || v.TS != first.TS || v.Text != "Deployed" || g.last(nsCorrect, "replace") != id {
		t.Errorf("%+v corrects %q", v, g.last(nsCorrect, "replace"))
	}
	if v := call("chat.update", `{"channel":"ops","text":"100 %","ts":"`+reply.TS+`"}`); !v.OK || g.last(nsCorrect, "replace") != replied {
		t.Errorf("%+v corrects %q", v, g.last(nsCorrect, "replace"))
	}
	sent := len(g.net.Sent())
	for body, want := range map[string]string{`{"channel":"dev","text":"x","ts":"` + first.TS + `"}`: "message_not_found", `{"channel":"ops","text":"x","ts":"1.000001"}`: "message_not_found", `{"channel":"ops","text":"x"}`: "message_not_found", `{"channel":"ops","ts":"` + first.TS + `"}`: "no_text"} {
		if v := call("chat.update", body); v.OK || v.Error != want {
			t.Errorf("%s: %+v", body, v)
		}
	}
	if len(g.net.Sent()) != sent {
		t.Error("something was sent")
	}
	if v := call("chat.postMessage", `{"channel":"ops","text":"late","thread_ts":"1.000001"}`); !v.OK || g.last(nsReply, "reply") != "" {
		t.Errorf("%+v: a thread that is not known", v)
	}
}
