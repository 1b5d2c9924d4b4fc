//go:build integration

package webhook

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/message"
)

func (st *peopleStage) joins(room string) {
	st.T.Helper()
	st.does("join", doing{"to": room, "nick": "Sybil"})
	harness.Eventually(st.T, "Sybil is in "+room, func() bool {
		r, err := st.p.Call("GET", "/v1/rooms/"+room+"/occupants", "", "", "")
		return err == nil && strings.Contains(r.Body, `"nick":"Sybil"`)
	})
}

func (st *peopleStage) inArchivedRoom(c client) {
	acts := func(what, event string, more doing) said {
		st.T.Helper()
		more["to"], more["type"] = archived, "groupchat"
		return st.taken(event, st.acts(c.name, what, more))
	}
	post := st.call(200, "POST", "/v1/messages?wait=30s&wait_for=echoed", fmt.Sprintf(`{"from":"echo@people.localhost","to":"archived@rooms.localhost","body":"hello room, %s"}`, c.name))
	hello := st.gets("hello room", func(h heard) bool { return h.Body == "hello room, "+c.name })
	if hello.StanzaID == "" || hello.ID != post.ID || post.State != "echoed" {
		st.Fatalf("%+v of %+v", hello, post)
	}
	ev := acts("react", "message.reaction", doing{"of": hello.StanzaID, "emoji": []string{"👍"}})
	st.refers(ev, "reaction", post.Ref)
	if ev.Data.Room.Nick != "Sybil" || !slices.Equal(ev.Data.Emoji, []string{"👍"}) {
		st.Errorf("%s", ev.raw)
	}
	ev = acts("reply", "message.groupchat", doing{"of": hello.StanzaID, "author": archived + "/Echo", "quote": "hello room", "body": "hi bot"})
	st.refers(ev, "message", post.Ref)
	if ev.Data.Text != "hi bot" || !strings.Contains(ev.raw, `"mention":true`) {
		st.Errorf("%s", ev.raw)
	}
	st.refers(acts("displayed", "message.marker", doing{"of": hello.StanzaID}), "marker", post.Ref)
	st.marked(post.ID)
	said := acts("say", "message.groupchat", doing{"body": "wrnog"})
	first := said.Data.ID
	mine := st.gets("her own words", func(h heard) bool { return h.ID == first })
	ev = acts("correct", "message.correction", doing{"of": first, "body": "wrong"})
	st.refers(ev, "correction", said.Data.Ref)
	corrected := st.gets("her own correction", func(h heard) bool { return h.Replace == first })
	st.files(c, archived, "groupchat")
	st.encrypted(c, archived, "groupchat")
	acts("typing", "message.typing", doing{})

	st.call(202, "POST", "/v1/messages", fmt.Sprintf(`{"reply_to":%q,"body":"sure"}`, said.Data.Ref))
	if h := st.gets("the reply", func(h heard) bool { return h.Reply != nil && h.Body == "sure" }); h.Reply.ID != mine.StanzaID || h.Reply.To != archived+"/Sybil" || h.Type != "groupchat" {
		st.Errorf("%+v %+v, hers is %s", h, h.Reply, mine.StanzaID)
	}
	st.call(200, "PUT", "/v1/messages/"+said.Data.Ref+"/reactions", `{"emoji":["✅","👀"]}`)
	if h := st.gets("the reaction", func(h heard) bool { return h.React != nil && strings.HasSuffix(h.From, "/Echo") }); h.React.To != mine.StanzaID || len(h.React.Emoji) != 2 {
		st.Errorf("%+v %+v", h, h.React)
	}
	st.call(200, "PATCH", "/v1/messages/"+post.Ref, `{"body":"hallo room"}`)
	again := st.gets("the correction", func(h heard) bool { return h.Body == "hallo room" })
	if again.Replace != post.ID {
		st.Errorf("%+v", again)
	}
	for _, id := range []string{again.StanzaID, hello.StanzaID} {
		st.refers(acts("react", "message.reaction", doing{"of": id, "emoji": []string{"👀"}}), "reaction", post.Ref)
	}
	st.call(200, "DELETE", "/v1/messages/"+post.Ref, "")
	if h := st.gets("the retraction", func(h heard) bool { return h.Retract != "" && strings.HasSuffix(h.From, "/Echo") }); h.Retract != hello.StanzaID {
		st.Errorf("%+v, the message is %s", h, hello.StanzaID)
	}
	if c.retracts {
		for _, id := range []string{mine.StanzaID, corrected.StanzaID} {
			st.refers(acts("retract", "message.retraction", doing{"of": id}), "retraction", said.Data.Ref)
		}
	}
	st.privately(c)
}

// privately is a private message in a room, and what is done with it and its answer.
func (st *peopleStage) privately(c client) {
	st.T.Helper()
	to := func(more doing) doing { more["to"], more["private"] = archived+"/Echo", true; return more }
	private := st.taken("message.private", st.acts(c.name, "say", to(doing{"body": "psst"})))
	post := st.call(202, "POST", "/v1/messages", fmt.Sprintf(`{"reply_to":%q,"body":"yes?","track":true}`, private.Data.Ref))
	if h := st.gets("the private reply", func(h heard) bool { return h.Body == "yes?" }); h.Type != "chat" || h.From != archived+"/Echo" || h.Reply == nil || h.Reply.ID != private.Data.ID || !h.WantsReceipt {
		st.Errorf("%+v %+v", h, h.Reply)
	}
	st.refers(st.taken("message.receipt", st.acts(c.name, "received", to(doing{"of": post.ID}))), "receipt", post.Ref)
	if state := st.call(200, "GET", "/v1/messages/"+post.ID+"?wait_for=received&wait=20s", ""); state.State != "received" || state.Received == "" {
		st.Errorf("%+v", state)
	}
	st.refers(st.taken("message.reaction", st.acts(c.name, "react", to(doing{"of": post.ID, "emoji": []string{"👍"}}))), "reaction", post.Ref)
	st.refers(st.taken("message.correction", st.acts(c.name, "correct", to(doing{"of": private.Data.ID, "body": "pssst"}))), "correction", private.Data.Ref)
	if c.retracts {
		st.refers(st.taken("message.retraction", st.acts(c.name, "retract", to(doing{"of": private.Data.ID}))), "retraction", private.Data.Ref)
	}
}

// inPlainRoom is a room without stanza-ids: what would need one is refused, or goes without.
func (st *peopleStage) inPlainRoom(c client) {
	to := func(more doing) doing { more["to"], more["type"] = plain, "groupchat"; return more }
	said := st.taken("message.groupchat", st.acts(c.name, "say", to(doing{"body": "nothing stays, " + c.name})))
	none := givesNone(st.T, said)
	if none {
		if r := st.call(422, "PUT", "/v1/messages/"+said.Data.Ref+"/reactions", `{"emoji":["✅"]}`); r.Condition != "no-stable-id" {
			st.Errorf("%+v", r)
		}
	}
	r := st.call(202, "POST", "/v1/messages", fmt.Sprintf(`{"reply_to":%q,"body":"it does not, %s"}`, said.Data.Ref, c.name))
	h := st.gets("the answer", func(h heard) bool { return h.Body == "it does not, "+c.name })
	if none != (r.Reply != nil && !*r.Reply) || none != (h.Reply == nil) {
		st.Errorf("%+v, %+v", r, h)
	}
	if c.marks != nil {
		o := maps.Clone(c.marks)
		o["of"] = h.ID
		st.refers(st.taken("message.marker", st.acts(c.name, "displayed", to(o))), "marker", r.Ref)
		st.marked(r.ID)
	}
	st.refers(st.taken("message.correction", st.acts(c.name, "correct", to(doing{"of": said.Data.ID, "body": "something stays"}))), "correction", said.Data.Ref)
}

// claims is a stanza-id that nobody has given: the bot does not refer to it.
func (st *peopleStage) claims() {
	const claim = "<message type='groupchat' id='ID' to='" + plain + "'><body>look</body><stanza-id xmlns='urn:xmpp:sid:0' by='" + plain + "' id='made-up'/></message>"
	said := st.event("message.groupchat", st.does("raw", doing{"xml": claim}))
	if ref, err := message.ParseRef(said.Data.Ref); err != nil || ref.StanzaID == "made-up" {
		st.Errorf("%+v %v", ref, err)
	}
	if givesNone(st.T, said) {
		st.call(422, "PUT", "/v1/messages/"+said.Data.Ref+"/reactions", `{"emoji":["✅"]}`)
	}
}

// givesNone reports whether the room of a message has given it no stanza-id, as far as the bot
// knows. ejabberd from 24 gives some in rooms without an archive, too, and the bot knows it by its
// own first message.
func givesNone(t *testing.T, said said) bool {
	t.Helper()
	ref, err := message.ParseRef(said.Data.Ref)
	if err != nil {
		t.Fatal(err)
	}
	return ref.StanzaID == ""
}

// An invitation is one event, however it is sent.
func (st *peopleStage) invites() {
	for _, how := range []string{"invite", "mediated"} {
		room := "invited-" + how + "@rooms.localhost"
		st.does("join", doing{"to": room, "nick": "Sybil"})
		st.gets("the subject of "+room, func(h heard) bool { return h.From == room && h.Type == "groupchat" }) // who is not in may not invite
		for _, c := range clients {
			st.acts(c.name, how, doing{"to": slixBot, "room": room, "reason": "come in"})
			ev := st.event("room.invite", "")
			reason := ""
			if c.name == "Gajim" {
				reason = "come in"
			}
			if ev.Data.Event != "invite" || ev.Data.Reason != reason || ev.Data.Room.JID != room {
				st.Errorf("%s, %s: %s", c.name, how, ev.raw)
			}
		}
	}
	st.listener.mu.Lock()
	defer st.listener.mu.Unlock()
	for _, ev := range st.listener.came { // all the others were waited for
		st.Errorf("one too many: %s", ev.raw)
	}
}
