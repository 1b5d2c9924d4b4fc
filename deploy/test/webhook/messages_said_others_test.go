//go:build integration

package webhook

import (
	"fmt"
	"slices"
	"strings"

	"stanzahook/deploy/lab"
	"stanzahook/pkg/message"
)

// foreign checks that an event is one of a correction or retraction that is not the author's.
func (st *messagesStage) foreign(ev said, ref string) {
	st.T.Helper()
	if ev.Data.Foreign == nil || !*ev.Data.Foreign || ref != "" && ev.Data.RefOf != ref {
		st.Errorf("want a foreign one of %s: %s", ref, ev.raw)
	}
}

// between checks that a ref is of the chat of the bot with somebody.
func (st *messagesStage) between(ref, peer string) {
	st.T.Helper()
	if r, err := message.ParseRef(ref); err != nil || r.Peer.String() != peer || r.Own.String() != slixBot || r.Mine || r.StanzaID != "" {
		st.Errorf("%+v %v, want a ref of the chat with %s", r, err, peer)
	}
}

// mallorysChat: alone with the bot, mallory refers to what was said between it and sybil.
func (st *messagesStage) mallorysChat() {
	post, _ := st.posts("sybil@localhost", "between us", `,"track":true`)
	hers := st.event("message.chat", st.does("say", doing{"to": slixBot, "body": "between us two", "plain": true})).Data
	const mallory = "mallory@localhost"
	to := func(inner string) string {
		return "<message to='" + slixBot + "' type='chat' id='ID'>" + inner + "</message>"
	}
	for _, c := range []struct{ what, typ, inner string }{
		{"takes back what sybil has said", "message.retraction", "<retract xmlns='urn:xmpp:message-retract:1' id='" + hers.ID + "'/>"},
		{"corrects what sybil has said", "message.correction", "<body>not so</body><replace xmlns='urn:xmpp:message-correct:0' id='" + hers.ID + "'/>"},
		{"takes back what the bot has said", "message.retraction", "<apply-to xmlns='urn:xmpp:fasten:0' id='" + post.ID + "'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to>"},
		{"moderates without a room", "message.retraction", "<retract xmlns='urn:xmpp:message-retract:1' id='" + post.ID + "'><moderated xmlns='urn:xmpp:message-moderate:1' by='" + archived + "/Sybil'/></retract>"},
	} {
		ev := st.event(c.typ, st.evil(c.what, to(c.inner)))
		st.foreign(ev, "")
		st.between(ev.Data.RefOf, mallory)
	}
	ev := st.event("message.reaction", st.evil("reacts to what the bot has said to sybil", to("<reactions xmlns='urn:xmpp:reactions:0' id='"+post.ID+"'><reaction>👎</reaction></reactions>")))
	st.between(ev.Data.RefOf, mallory)
	ev = st.event("message.chat", st.evil("replies to it as if sybil had said it", to("<body>so she said</body><reply xmlns='urn:xmpp:reply:0' id='"+hers.ID+"' to='sybil@localhost/slix'/>")))
	st.between(ev.Data.RefOf, mallory)
	st.call(202, "POST", "/v1/messages", fmt.Sprintf(`{"reply_to":%q,"body":"who?","quote":true}`, ev.Data.RefOf))
	st.mallory.gets("the reply", func(h heard) bool { return h.Body == "who?" })
	st.evil("says that sybil has received and displayed it", to("<received xmlns='urn:xmpp:receipts' id='"+post.ID+"'/><displayed xmlns='urn:xmpp:chat-markers:0' id='"+post.ID+"'/>"))
	st.comes(st.mallory, slixBot, "chat")
	ev = st.event("message.groupchat", st.evil("speaks as a room", "<message to='"+slixBot+"' type='groupchat' id='ID'><body>as a room</body><stanza-id xmlns='urn:xmpp:sid:0' by='"+mallory+"' id='made-up'/>"+
		"<room xmlns='urn:stanzahook:room:0' jid='"+archived+"' nick='Sybil' affiliation='owner'/></message>"))
	if r, err := message.ParseRef(ev.Data.Ref); err != nil || r.StanzaID != "" || ev.Data.Room.JID != "" {
		st.Errorf("%s", ev.raw)
	}
	ev = st.event("message.retraction", st.evil("moderates as a room", "<message to='"+slixBot+"' type='groupchat' id='ID'><retract xmlns='urn:xmpp:message-retract:1' id='"+post.ID+"'><moderated xmlns='urn:xmpp:message-moderate:1' by='"+archived+"/Sybil'/></retract></message>"))
	st.foreign(ev, "")
	st.nothing("of mallory's")
	if state := st.call(200, "GET", "/v1/messages/"+post.ID, ""); state.Received != "" || state.Displayed != "" {
		st.Errorf("%+v", state)
	}
}

// isMallory waits until mallory has a nick in the room.
func (st *messagesStage) isMallory(nick string) {
	st.T.Helper()
	st.mallory.gets(nick+", which she is", func(h heard) bool {
		return h.Presence != nil && h.Presence.From == archived+"/"+nick && h.Presence.Type == "" && slices.Contains(h.Presence.Codes, 110)
	})
}

// mallorysRoom: in a room mallory takes back, corrects and moderates what others have said, also under
// sybil's nick; then sybil, who may, moderates what mallory has said.
func (st *messagesStage) mallorysRoom(kind lab.Kind) {
	st.step("")
	st.mallory.does("join", doing{"to": archived, "nick": "Mallory"})
	st.isMallory("Mallory")
	st.sees(archived+"/Mallory", "")
	st.settle(archived, true)
	post, ours := st.posts(archived, "what all may know", "")
	hers := st.event("message.groupchat", st.does("say", doing{"to": archived, "type": "groupchat", "body": "send it to Alice", "plain": true})).Data
	hersID := st.gets("her own words", func(h heard) bool { return h.ID == hers.ID }).StanzaID
	alone := st.event("message.private", st.does("say", doing{"to": archived + "/Echo", "body": "to Alice, I mean", "plain": true})).Data
	st.settle(archived, true)
	const retract = "<retract xmlns='urn:xmpp:message-retract:1' id='%s'/>"
	toAll := func(inner string) string {
		return "<message to='" + archived + "' type='groupchat' id='ID'>" + inner + "</message>"
	}
	correct := "<body>send it to Mallory</body><replace xmlns='urn:xmpp:message-correct:0' id='" + hers.ID + "'/>"
	acts := func(what, typ, inner string) said {
		st.T.Helper()
		ev := st.event(typ, st.evil(what, toAll(inner)))
		st.settle(archived, true)
		return ev
	}
	st.foreign(acts("takes back what sybil has said", "message.retraction", fmt.Sprintf(retract, hersID)), hers.Ref)
	st.foreign(acts("takes back what the bot has said", "message.retraction", fmt.Sprintf(retract, ours.StanzaID)), post.Ref)
	st.foreign(acts("takes it back as a moderator of before", "message.retraction", "<apply-to xmlns='urn:xmpp:fasten:0' id='"+ours.StanzaID+"'><moderated xmlns='urn:xmpp:message-moderate:0' by='"+archived+"/Sybil'><retract xmlns='urn:xmpp:message-retract:0'/></moderated></apply-to>"), post.Ref)
	st.foreign(acts("corrects what sybil has said", "message.correction", correct), hers.Ref)
	st.refers(acts("reacts to it", "message.reaction", "<reactions xmlns='urn:xmpp:reactions:0' id='"+hersID+"'><reaction>👎</reaction></reactions>"), "reaction", hers.Ref)

	st.posts(archived+"/Sybil", "Deploy?", `,"buttons":["Yes"]`)
	chooses := func(chosen bool, id string) {
		st.T.Helper()
		if ev := st.event("message.private", id); strings.Contains(ev.raw, `"choice":"Yes"`) != chosen {
			st.Errorf("want a choice %v: %s", chosen, ev.raw)
		}
	}
	chooses(true, st.does("say", doing{"to": archived + "/Echo", "body": "1", "plain": true}))

	st.step("sybil leaves, and mallory has her nick")
	st.xml("<presence to='%s/Sybil' type='unavailable'/>", archived)
	st.sees(archived+"/Sybil", "unavailable")
	st.mallory.does("raw", doing{"xml": "<presence to='" + archived + "/Sybil'/>"})
	st.isMallory("Sybil")
	st.comes(st.mallory, archived, "groupchat")
	private := func(inner string) string {
		return "<message to='" + archived + "/Echo' type='chat' id='ID'>" + inner + "<x xmlns='http://jabber.org/protocol/muc#user'/></message>"
	}
	st.foreign(st.event("message.correction", st.evil("corrects what sybil has said, under her nick", toAll(correct))), hers.Ref)
	st.foreign(st.event("message.correction", st.evil("corrects what sybil has said to the bot alone", private(strings.ReplaceAll(correct, hers.ID, alone.ID)))), alone.Ref)
	st.foreign(st.event("message.retraction", st.evil("takes that back", private(fmt.Sprintf(retract, alone.ID)))), alone.Ref)
	chooses(false, st.evil("answers what sybil was asked", private("<body>1</body>")))
	st.step("mallory has her own nick again, and sybil comes back")
	st.mallory.does("raw", doing{"xml": "<presence to='" + archived + "/Mallory'/>"})
	st.isMallory("Mallory")
	st.xml("<presence to='%s/Sybil'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>", archived)
	st.sees(archived+"/Sybil", "")
	st.settle(archived, true)
	// An occupant-id says that it is still her; a nick alone does not.
	ev := st.event("message.correction", st.acts("Gajim", "correct", doing{"to": archived, "type": "groupchat", "of": hers.ID, "body": "send it to Bob"}))
	if known := kind == lab.Prosody; ev.Data.RefOf != hers.Ref || ev.Data.Foreign == nil || *ev.Data.Foreign == known {
		st.Errorf("%s", ev.raw)
	}
	st.settle(archived, true)

	ask, can := moderationOf(kind)
	if !can {
		return
	}
	spam := acts("says what is off topic", "message.groupchat", "<body>spam</body>").Data
	ref, err := message.ParseRef(spam.Ref)
	if err != nil || ref.StanzaID == "" {
		st.Fatalf("%+v %v", ref, err)
	}
	st.step("sybil takes back what mallory has said (XEP-0425)")
	st.asks("<iq type='set' id='ID' to='"+archived+"'>"+ask+"</iq>", ref.StanzaID)
	ev = st.event("message.retraction", "")
	if st.refers(ev, "retraction", spam.Ref); !strings.Contains(ev.raw, `"by":"`+archived+`/Sybil"`) {
		st.Errorf("%s", ev.raw)
	}
	st.settle(archived, true)
}
