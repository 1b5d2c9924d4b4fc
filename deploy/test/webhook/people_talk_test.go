//go:build integration

package webhook

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

var update = flag.Bool("update", false, "write testdata/*.transcript anew")

// client is a program of people, and what it does that others do not.
type client struct {
	name     string
	encrypts map[string]string // what it does, and the name of the encryption
	marks    doing             // of a message in a room without stanza-ids; nil: it does not
	retracts bool              // in rooms; else only who moderates them does
}

var clients = []client{
	{"Conversations", map[string]string{"omemo": "OMEMO", "pgp": "OpenPGP", "otr": "OTR"}, doing{"sender": plain + "/Echo"}, true},
	{"Gajim", map[string]string{"omemo": "OMEMO", "ox": "OpenPGP"}, doing{}, true},
	{"Dino", map[string]string{"omemo": "OMEMO", "pgp": "OpenPGP"}, nil, false},
}

// What Conversations, Gajim and Dino send, alone with the bot and in rooms, is the right
// event with the reference that the bot has; what the bot does by reference is what they
// understand. Their stanzas are as their sources have them. What is said is in testdata, but for
// invitations.
func TestPeopleOnServers(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		st := newPeopleStage(t, kind)
		for _, c := range clients {
			st.alone(c)
		}
		st.others()
		st.answers()
		st.quotes(slixBot, "chat")
		st.joins(archived)
		st.quotes(archived, "groupchat")
		for _, c := range clients {
			st.inArchivedRoom(c)
		}
		st.joins(plain)
		for _, c := range clients {
			st.inPlainRoom(c)
		}
		st.claims()
		st.said.Compare("people", kind, *update)
		st.said = nil
		st.invites()
	})
}

// refers checks what an event refers to.
func (st *peopleStage) refers(ev said, event, ref string) {
	st.T.Helper()
	if ev.Data.Event != event || ev.Data.RefOf != ref {
		st.Errorf("%s of %s, want %s of %s: %s", ev.Data.Event, ev.Data.RefOf, event, ref, ev.raw)
	}
	if (event == "correction" || event == "retraction") && (ev.Data.Foreign == nil || *ev.Data.Foreign) {
		st.Errorf("not by the author: %s", ev.raw)
	}
}

// taken is an event, and the receipt that the sender gets if its program has asked for one.
func (st *peopleStage) taken(typ, id string) said {
	st.T.Helper()
	ev := st.event(typ, id)
	if strings.Contains(ev.raw, `"receipt_request":true`) {
		st.gets("the receipt", func(h heard) bool { return h.Receipt == ev.Data.ID })
	}
	return ev
}

// marked waits until the state of a message is that somebody has displayed it.
func (st *peopleStage) marked(id string) {
	st.T.Helper()
	state := st.call(200, "GET", "/v1/messages/"+id+"?wait_for=displayed&wait=20s", "")
	if state.State != "displayed" || state.Displayed == "" || state.Received == "" {
		st.Errorf("%+v", state)
	}
}

// alone is a chat with the bot.
func (st *peopleStage) alone(c client) {
	acts := func(what, event string, more doing) said {
		st.T.Helper()
		more["to"] = slixBot
		return st.taken(event, st.acts(c.name, what, more))
	}
	post := st.call(202, "POST", "/v1/messages", fmt.Sprintf(`{"from":"echo@people.localhost","to":"sybil@localhost","body":"hello, %s","track":true}`, c.name))
	hello := st.gets("hello", func(h heard) bool { return h.Body == "hello, "+c.name })
	if hello.ID != post.ID || hello.OriginID != post.ID || !hello.WantsReceipt || !hello.Markable || hello.From != slixBot {
		st.Errorf("%+v", hello)
	}
	// what they do with it
	st.refers(acts("received", "message.receipt", doing{"of": hello.ID}), "receipt", post.Ref)
	if c.name == "Dino" {
		st.refers(acts("received_mark", "message.receipt", doing{"of": hello.ID}), "receipt", post.Ref)
	}
	st.refers(acts("displayed", "message.marker", doing{"of": hello.ID}), "marker", post.Ref)
	st.marked(post.ID)
	ev := acts("react", "message.reaction", doing{"of": hello.ID, "emoji": []string{"👍", "🎉"}})
	st.refers(ev, "reaction", post.Ref)
	if !slices.Equal(ev.Data.Emoji, []string{"👍", "🎉"}) {
		st.Errorf("%v", ev.Data.Emoji)
	}
	st.refers(acts("react", "message.reaction", doing{"of": hello.ID, "emoji": []string{}}), "reaction", post.Ref)
	if c.name == "Conversations" {
		ev = acts("react_words", "message.reaction", doing{"of": hello.ID, "emoji": []string{"👀"}, "quote": "hello", "author": slixBot})
		st.refers(ev, "reaction", post.Ref)
		if ev.Data.Text != "" || !slices.Equal(ev.Data.Emoji, []string{"👀"}) {
			st.Errorf("%s", ev.raw)
		}
	}
	ev = acts("reply", "message.chat", doing{"of": hello.ID, "author": slixBot, "quote": "hello\nyou", "body": "and you?"})
	st.refers(ev, "message", post.Ref)
	if ev.Data.Text != "and you?" || !strings.HasPrefix(ev.Data.Body, "> hello\n> you\n") {
		st.Errorf("%q of %q", ev.Data.Text, ev.Data.Body)
	}
	acts("typing", "message.typing", doing{})
	// what they say themselves
	said := acts("say", "message.chat", doing{"body": "wrnog"})
	first := said.Data.ID
	ids := []string{first}
	for _, text := range []string{"wrong", "right"} { // always of the first one
		ev = acts("correct", "message.correction", doing{"of": first, "body": text})
		st.refers(ev, "correction", said.Data.Ref)
		if ids = append(ids, ev.Data.ID); ev.Data.Text != text {
			st.Errorf("%q", ev.Data.Text)
		}
	}
	st.files(c, slixBot, "chat")
	st.encrypted(c, slixBot, "chat")
	// what the bot does with it
	st.call(202, "POST", "/v1/messages", fmt.Sprintf(`{"reply_to":%q,"body":"really?","quote":true}`, said.Data.Ref))
	reply := st.gets("the reply", func(h heard) bool { return h.Reply != nil })
	if reply.Reply.ID != first || reply.Reply.To != "sybil@localhost/slix" || reply.Said != "really?" || !strings.HasPrefix(reply.Body, "> right\n") {
		st.Errorf("%+v %+v", reply, reply.Reply)
	}
	st.call(200, "PUT", "/v1/messages/"+said.Data.Ref+"/reactions", `{"emoji":["✅"]}`)
	react := st.gets("the reaction", func(h heard) bool { return h.React != nil })
	if react.React.To != first || !slices.Equal(react.React.Emoji, []string{"✅"}) || !slices.Contains(react.Hints, "store") || react.Body != "" || react.Type != "chat" {
		st.Errorf("%+v %+v", react, react.React)
	}
	st.call(202, "POST", "/v1/messages", fmt.Sprintf(`{"displayed":%q}`, said.Data.Ref))
	if h := st.gets("the marker", func(h heard) bool { return h.Displayed != "" }); h.Displayed != first {
		st.Errorf("%+v", h)
	}
	st.call(202, "POST", "/v1/messages", `{"from":"echo@people.localhost","to":"sybil@localhost","typing":true}`)
	if h := st.gets("that it types", func(h heard) bool { return h.ChatState == "composing" }); h.Body != "" || !slices.Contains(h.Hints, "no-store") {
		st.Errorf("%+v", h)
	}
	if r := st.call(403, "DELETE", "/v1/messages/"+said.Data.Ref, ""); r.Ref != "" {
		st.Errorf("%+v", r)
	}
	what := post.Ref
	if c.name == "Dino" { // an id is as good, on the same day
		what = post.ID
	}
	st.call(200, "PATCH", "/v1/messages/"+what, `{"body":"hallo"}`)
	corrected := st.gets("the correction", func(h heard) bool { return h.Body == "hallo" })
	if corrected.Replace != post.ID {
		st.Errorf("%+v", corrected)
	}
	// Conversations refers to the latest version, others to the first one
	for _, id := range []string{corrected.ID, hello.ID} {
		st.refers(acts("react", "message.reaction", doing{"of": id, "emoji": []string{"👍"}}), "reaction", post.Ref)
	}
	st.call(200, "DELETE", "/v1/messages/"+post.Ref, "")
	if h := st.gets("the retraction", func(h heard) bool { return h.Retract != "" }); h.Retract != post.ID || h.Body == "" || !slices.Contains(h.Hints, "store") {
		st.Errorf("%+v", h)
	}
	// they take back what they said: Gajim each version, PiratX the last one
	switch c.name {
	case "Conversations":
		ids = ids[len(ids)-1:]
	case "Dino":
		ids = ids[:1]
	}
	for _, id := range ids {
		st.refers(acts("retract", "message.retraction", doing{"of": id}), "retraction", said.Data.Ref)
	}
}

// others is what other programs write, in the words of slixmpp: a retraction of XEP-0424 before
// 0.4, a file of XEP-0447 in one message, an origin-id that is not the id.
func (st *peopleStage) others() {
	said := st.event("message.chat", st.does("say", doing{"to": slixBot, "body": "as others do", "origin": "origin-1"}))
	st.gets("the receipt", func(h heard) bool { return h.Receipt == said.Data.ID })
	st.call(200, "PUT", "/v1/messages/"+said.Data.Ref+"/reactions", `{"emoji":["✅"]}`)
	if h := st.gets("the reaction", func(h heard) bool { return h.React != nil }); h.React.To != "origin-1" {
		st.Errorf("%+v %+v", h, h.React)
	}
	ev := st.event("message.chat", st.does("sfs", doing{"to": slixBot, "url": "https://files.example.com/cat.png"}))
	if a := ev.Data.Attachments; len(a) != 1 || a[0].URL != "https://files.example.com/cat.png" || a[0].Source != "sfs" || *a[0].Name != "cat.png" || *a[0].Size != 1234 {
		st.Errorf("%s", ev.raw)
	}
	st.does("retract0", doing{"to": slixBot, "of": "origin-1"})
	st.refers(st.event("message.retraction", ""), "retraction", said.Data.Ref)
}

// answers is what a webhook answers, with the ref of the event or of an earlier message.
func (st *peopleStage) answers() {
	ask := func(answer string) string {
		st.T.Helper()
		return st.event("message.chat", st.does("say", doing{"to": slixBot, "body": "answer " + answer, "plain": true})).Data.ID
	}
	post := st.call(202, "POST", "/v1/messages", `{"from":"echo@people.localhost","to":"sybil@localhost","body":"an earlier one"}`)
	st.gets("an earlier one", func(h heard) bool { return h.ID == post.ID })
	st.listener.mu.Lock()
	st.listener.earlier = post.Ref
	st.listener.mu.Unlock()
	id := ask(`{"react":{"to":"this","emoji":["✅"]}}`)
	if h := st.gets("the reaction", func(h heard) bool { return h.React != nil }); h.React.To != id {
		st.Errorf("%+v %+v", h, h.React)
	}
	id = ask(`{"reply_to":"this","body":"so","quote":true,"track":true}`)
	if h := st.gets("the reply", func(h heard) bool { return h.Reply != nil }); h.Reply.ID != id || h.Said != "so" || !h.WantsReceipt || !h.Markable {
		st.Errorf("%+v %+v", h, h.Reply)
	}
	id = ask(`{"displayed":"this"}`)
	if h := st.gets("the marker", func(h heard) bool { return h.Displayed != "" }); h.Displayed != id {
		st.Errorf("%+v", h)
	}
	ask(`{"typing":true}`)
	st.gets("that it types", func(h heard) bool { return h.ChatState == "composing" })
	ask(`{"correct":"REF","body":"a better one"}`)
	if h := st.gets("the correction", func(h heard) bool { return h.Body == "a better one" }); h.Replace != post.ID {
		st.Errorf("%+v", h)
	}
	ask(`{"retract":"REF"}`)
	if h := st.gets("the retraction", func(h heard) bool { return h.Retract != "" }); h.Retract != post.ID {
		st.Errorf("%+v", h)
	}
}

// files sends a file, which is one event with all that is known of it.
func (st *peopleStage) files(c client, to, typ string) {
	st.T.Helper()
	const url = "https://files.example.com/9f/x.png"
	o := doing{"to": to, "type": typ, "url": url}
	name, source := "x.png", "oob"
	what := "file"
	if c.name == "Dino" {
		what = "announce, file" // nobody can wait for the first
	}
	st.step("sybil, with " + c.name + ": " + what)
	if c.name == "Dino" {
		id := st.writes(c.name, "announce", doing{"to": to, "type": typ})
		if o["of"] = id; typ == "groupchat" {
			o["of"] = st.gets("the announcement", func(h heard) bool { return h.ID == id }).StanzaID
		}
		name, source = "cat.png", "sfs"
	}
	ev := st.taken("message."+typ, st.writes(c.name, "file", o))
	a := ev.Data.Attachments
	if len(a) != 1 || a[0].URL != url || a[0].Source != source || a[0].Name == nil || *a[0].Name != name || ev.Data.Text != "" || ev.Data.RefOf != "" {
		st.Errorf("%s", ev.raw)
	}
	if source == "sfs" && (a[0].Size == nil || *a[0].Size != 1234) {
		st.Errorf("%s", ev.raw)
	}
	if c.name == "Conversations" {
		ev = st.taken("message."+typ, st.acts(c.name, "file_words", doing{"to": to, "type": typ, "url": url}))
		if len(ev.Data.Attachments) != 1 || ev.Data.Text != "look: " {
			st.Errorf("%s", ev.raw)
		}
	}
}

// encrypted sends what the bot cannot read.
func (st *peopleStage) encrypted(c client, to, typ string) {
	st.T.Helper()
	for _, how := range []string{"omemo", "ox", "pgp", "otr"} {
		name, can := c.encrypts[how]
		if !can {
			continue
		}
		ev := st.taken("message.encrypted", st.acts(c.name, how, doing{"to": to, "type": typ}))
		if ev.Data.Encrypted.Name != name || ev.Data.Encrypted.Namespace == "" || ev.Data.Body != "" || (ev.Data.Fallback == "") != (how == "ox") {
			st.Errorf("%s: %s", how, ev.raw)
		}
	}
}
