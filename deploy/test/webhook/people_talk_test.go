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

// What Conversations, Gajim and Dino send, alone with the bot and in rooms, is the right
// event with the reference that the bot has; what the bot does by reference is what they
// understand. Both in the words of slixmpp. What is said for it, but for rooms without archives,
// is in testdata.
func TestPeopleOnServers(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		st := newPeopleStage(t, kind)
		st.alone()
		st.inArchivedRoom()
		st.said.Compare("people", kind, *update)
		st.said = nil
		st.inPlainRoom()
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

func (st *peopleStage) alone() {
	to := func(more doing) doing { more["to"] = slixBot; return more }
	post := st.call(202, "POST", "/v1/messages", `{"from":"echo@people.localhost","to":"sybil@localhost","body":"hello","track":true}`)
	hello := st.gets("hello", func(h heard) bool { return h.Body == "hello" })
	if hello.ID != post.ID || hello.OriginID != post.ID || !hello.WantsReceipt || !hello.Markable || hello.From != slixBot {
		st.Errorf("%+v", hello)
	}
	// what they do with it
	st.refers(st.event("message.receipt", st.does("received", to(doing{"of": hello.ID}))), "receipt", post.Ref)
	st.refers(st.event("message.marker", st.does("displayed", to(doing{"of": hello.ID}))), "marker", post.Ref)
	state := st.call(200, "GET", "/v1/messages/"+post.ID+"?wait_for=displayed&wait=20s", "")
	if state.State != "displayed" || state.Displayed == "" || state.Received == "" {
		st.Errorf("%+v", state)
	}
	ev := st.event("message.reaction", st.does("react", to(doing{"of": hello.OriginID, "emoji": []string{"👍", "🎉"}})))
	st.refers(ev, "reaction", post.Ref)
	if !slices.Contains(ev.Data.Emoji, "👍") || len(ev.Data.Emoji) != 2 {
		st.Errorf("%v", ev.Data.Emoji)
	}
	st.refers(st.event("message.reaction", st.does("react", to(doing{"of": hello.OriginID, "emoji": []string{}}))), "reaction", post.Ref)
	ev = st.event("message.chat", st.does("reply", to(doing{"of": hello.ID, "author": slixBot, "quote": "hello\nyou", "body": "and you?"})))
	st.refers(ev, "message", post.Ref)
	if ev.Data.Text != "and you?" || !strings.HasPrefix(ev.Data.Body, "> hello") {
		st.Errorf("%q of %q", ev.Data.Text, ev.Data.Body)
	}
	st.event("message.typing", st.does("typing", to(doing{})))
	// what they say themselves
	first := st.does("say", to(doing{"body": "wrnog", "origin": "origin-1"}))
	said := st.event("message.chat", first)
	st.gets("the receipt", func(h heard) bool { return h.Receipt == first })
	ev = st.event("message.correction", st.does("correct", to(doing{"of": first, "body": "wrong"})))
	st.refers(ev, "correction", said.Data.Ref)
	if ev.Data.Text != "wrong" {
		st.Errorf("%q", ev.Data.Text)
	}
	st.attached(slixBot, "chat", "message.chat")
	st.encrypted(slixBot, "chat")
	// what the bot does with it
	st.call(202, "POST", "/v1/messages", fmt.Sprintf(`{"reply_to":%q,"body":"really?","quote":true}`, said.Data.Ref))
	reply := st.gets("the reply", func(h heard) bool { return h.Reply != nil })
	if reply.Reply.ID != first || reply.Reply.To != "sybil@localhost/slix" || reply.Said != "really?" || !strings.HasPrefix(reply.Body, "> wrong\n") {
		st.Errorf("%+v %+v", reply, reply.Reply)
	}
	st.call(200, "PUT", "/v1/messages/"+said.Data.Ref+"/reactions", `{"emoji":["✅"]}`)
	react := st.gets("the reaction", func(h heard) bool { return h.React != nil })
	if react.React.To != "origin-1" || !slices.Equal(react.React.Emoji, []string{"✅"}) || !slices.Contains(react.Hints, "store") || react.Body != "" {
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
	st.call(200, "PATCH", "/v1/messages/"+post.Ref, `{"body":"hallo"}`)
	if h := st.gets("the correction", func(h heard) bool { return h.Body == "hallo" }); h.Replace != post.ID {
		st.Errorf("%+v", h)
	}
	st.call(200, "DELETE", "/v1/messages/"+post.Ref, "")
	if h := st.gets("the retraction", func(h heard) bool { return h.Retract != "" }); h.Retract != post.ID || h.Body == "" || !slices.Contains(h.Hints, "store") {
		st.Errorf("%+v", h)
	}
	// they take back what they said, in both ways
	st.does("retract0", to(doing{"of": "origin-1"}))
	st.refers(st.event("message.retraction", ""), "retraction", said.Data.Ref)
	st.refers(st.event("message.retraction", st.does("retract1", to(doing{"of": "origin-1"}))), "retraction", said.Data.Ref)
}

// attached sends files in both ways.
func (st *peopleStage) attached(to, typ, event string) {
	st.T.Helper()
	ev := st.event(event, st.does("oob", doing{"to": to, "type": typ, "url": "https://files.example.com/a.png"}))
	if a := ev.Data.Attachments; len(a) != 1 || a[0].URL != "https://files.example.com/a.png" || a[0].Source != "oob" {
		st.Errorf("%s", ev.raw)
	}
	ev = st.event(event, st.does("sfs", doing{"to": to, "type": typ, "url": "https://files.example.com/cat.png"}))
	if a := ev.Data.Attachments; len(a) != 1 || a[0].URL != "https://files.example.com/cat.png" || a[0].Source != "sfs" || a[0].Name == nil || *a[0].Name != "cat.png" || a[0].Size == nil || *a[0].Size != 1234 {
		st.Errorf("%s", ev.raw)
	}
}

// encrypted sends what the bot cannot read, in three ways.
func (st *peopleStage) encrypted(to, typ string) {
	st.T.Helper()
	for _, way := range [][2]string{{"omemo", "OMEMO"}, {"ox", "OpenPGP"}, {"otr", "OTR"}} {
		how, name := way[0], way[1]
		ev := st.event("message.encrypted", st.does(how, doing{"to": to, "type": typ}))
		if ev.Data.Encrypted.Name != name || ev.Data.Encrypted.Namespace == "" || ev.Data.Body != "" || ev.Data.Fallback == "" {
			st.Errorf("%s: %s", how, ev.raw)
		}
	}
}

func (st *peopleStage) joins(room string) {
	st.T.Helper()
	st.does("join", doing{"to": room, "nick": "Sybil"})
	harness.Eventually(st.T, "Sybil is in "+room, func() bool {
		r, err := st.p.Call("GET", "/v1/rooms/"+room+"/occupants", "", "", "")
		return err == nil && strings.Contains(r.Body, `"nick":"Sybil"`)
	})
}

func (st *peopleStage) inArchivedRoom() {
	to := func(more doing) doing { more["to"], more["type"] = archived, "groupchat"; return more }
	st.joins(archived)
	post := st.call(200, "POST", "/v1/messages?wait=30s&wait_for=echoed", `{"from":"echo@people.localhost","to":"archived@rooms.localhost","body":"hello room"}`)
	hello := st.gets("hello room", func(h heard) bool { return h.Body == "hello room" })
	if hello.StanzaID == "" || hello.ID != post.ID || post.State != "echoed" {
		st.Fatalf("%+v of %+v", hello, post)
	}
	ev := st.event("message.reaction", st.does("react", to(doing{"of": hello.StanzaID, "emoji": []string{"👍"}})))
	st.refers(ev, "reaction", post.Ref)
	if ev.Data.Room.Nick != "Sybil" || !slices.Equal(ev.Data.Emoji, []string{"👍"}) {
		st.Errorf("%s", ev.raw)
	}
	ev = st.event("message.groupchat", st.does("reply", to(doing{"of": hello.StanzaID, "author": archived + "/Echo", "quote": "hello room", "body": "hi bot"})))
	st.refers(ev, "message", post.Ref)
	if ev.Data.Text != "hi bot" || !strings.Contains(ev.raw, `"mention":true`) {
		st.Errorf("%s", ev.raw)
	}
	st.refers(st.event("message.marker", st.does("displayed", to(doing{"of": hello.StanzaID}))), "marker", post.Ref)
	state := st.call(200, "GET", "/v1/messages/"+post.ID+"?wait_for=displayed&wait=20s", "")
	if state.State != "displayed" || state.Displayed == "" || state.Received == "" {
		st.Errorf("%+v", state)
	}
	first := st.does("say", to(doing{"body": "wrnog"}))
	said := st.event("message.groupchat", first)
	mine := st.gets("her own words", func(h heard) bool { return h.ID == first })
	st.refers(st.event("message.correction", st.does("correct", to(doing{"of": first, "body": "wrong"}))), "correction", said.Data.Ref)
	st.attached(archived, "groupchat", "message.groupchat")
	st.encrypted(archived, "groupchat")
	st.event("message.typing", st.does("typing", to(doing{})))

	st.call(202, "POST", "/v1/messages", fmt.Sprintf(`{"reply_to":%q,"body":"sure"}`, said.Data.Ref))
	if h := st.gets("the reply", func(h heard) bool { return h.Reply != nil && h.Body == "sure" }); h.Reply.ID != mine.StanzaID || h.Reply.To != archived+"/Sybil" || h.Type != "groupchat" {
		st.Errorf("%+v %+v, hers is %s", h, h.Reply, mine.StanzaID)
	}
	st.call(200, "PUT", "/v1/messages/"+said.Data.Ref+"/reactions", `{"emoji":["✅","👀"]}`)
	if h := st.gets("the reaction", func(h heard) bool { return h.React != nil && strings.HasSuffix(h.From, "/Echo") }); h.React.To != mine.StanzaID || len(h.React.Emoji) != 2 {
		st.Errorf("%+v %+v", h, h.React)
	}
	st.call(200, "PATCH", "/v1/messages/"+post.Ref, `{"body":"hallo room"}`)
	if h := st.gets("the correction", func(h heard) bool { return h.Body == "hallo room" }); h.Replace != post.ID {
		st.Errorf("%+v", h)
	}
	st.call(200, "DELETE", "/v1/messages/"+post.Ref, "")
	if h := st.gets("the retraction", func(h heard) bool { return h.Retract != "" }); h.Retract != hello.StanzaID {
		st.Errorf("%+v, the message is %s", h, hello.StanzaID)
	}
	st.does("retract0", to(doing{"of": mine.StanzaID}))
	st.refers(st.event("message.retraction", ""), "retraction", said.Data.Ref)
	st.refers(st.event("message.retraction", st.does("retract1", to(doing{"of": mine.StanzaID}))), "retraction", said.Data.Ref)
	// a private message, and its answer
	id := st.does("say", doing{"to": archived + "/Echo", "body": "psst"})
	private := st.event("message.private", id)
	st.gets("the receipt", func(h heard) bool { return h.Receipt == id })
	post = st.call(202, "POST", "/v1/messages", fmt.Sprintf(`{"reply_to":%q,"body":"yes?","track":true}`, private.Data.Ref))
	if h := st.gets("the private reply", func(h heard) bool { return h.Body == "yes?" }); h.Type != "chat" || h.From != archived+"/Echo" || h.Reply == nil || h.Reply.ID != id || !h.WantsReceipt {
		st.Errorf("%+v %+v", h, h.Reply)
	}
	st.refers(st.event("message.receipt", st.does("received", doing{"to": archived + "/Echo", "of": post.ID})), "receipt", post.Ref)
	if state := st.call(200, "GET", "/v1/messages/"+post.ID+"?wait_for=received&wait=20s", ""); state.State != "received" || state.Received == "" {
		st.Errorf("%+v", state)
	}
}

// A room without stanza-ids: what would need one is refused, or goes without.
func (st *peopleStage) inPlainRoom() {
	st.joins(plain)
	first := st.does("say", doing{"to": plain, "type": "groupchat", "body": "nothing stays"})
	said := st.event("message.groupchat", first)
	if r := st.call(422, "PUT", "/v1/messages/"+said.Data.Ref+"/reactions", `{"emoji":["✅"]}`); r.Condition != "no-stable-id" {
		st.Errorf("%+v", r)
	}
	r := st.call(202, "POST", "/v1/messages", fmt.Sprintf(`{"reply_to":%q,"body":"it does not"}`, said.Data.Ref))
	if h := st.gets("the answer", func(h heard) bool { return h.Body == "it does not" }); r.Reply == nil || *r.Reply || h.Reply != nil {
		st.Errorf("%+v, %+v", r, h)
	}
	st.refers(st.event("message.correction", st.does("correct", doing{"to": plain, "type": "groupchat", "of": first, "body": "something stays"})), "correction", said.Data.Ref)
}

// An invitation is one event, however it is sent.
func (st *peopleStage) invites() {
	for _, how := range []string{"invite", "mediated"} {
		room := "invited-" + how + "@rooms.localhost"
		st.does("join", doing{"to": room, "nick": "Sybil"})
		st.gets("the subject of "+room, func(h heard) bool { return h.From == room && h.Type == "groupchat" }) // who is not in may not invite
		st.does(how, doing{"to": slixBot, "room": room, "reason": "come in"})
		ev := st.event("room.invite", "")
		if ev.Data.Event != "invite" || ev.Data.Reason != "come in" || ev.Data.Room.JID != room {
			st.Errorf("%s: %s", how, ev.raw)
		}
	}
}
