//go:build integration

package webhook

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/message"
)

// unlisted: an endpoint without the key events gets no typing, receipts and markers; but the rest.
func (st *messagesStage) unlisted() {
	post, _ := st.posts("sybil@localhost", "hello", "")
	inRoom, hello := st.posts(archived, "hello room", "")
	st.step("sybil, with Gajim: typing, received, displayed")
	for _, what := range []string{"typing", "received", "displayed"} {
		st.writes("Gajim", what, doing{"to": slixBot, "of": post.ID})
	}
	st.nothing("what is not listed")
	st.step("sybil, with Gajim, in the room: typing, displayed")
	for _, what := range []string{"typing", "displayed"} {
		st.writes("Gajim", what, doing{"to": archived, "type": "groupchat", "of": hello.StanzaID})
	}
	st.nothing("what is not listed, in the room")
	st.refers(st.event("message.reaction", st.acts("Gajim", "react", doing{"to": slixBot, "of": post.ID, "emoji": []string{"👍"}})), "reaction", post.Ref)
	st.refers(st.event("message.reaction", st.acts("Gajim", "react", doing{"to": archived, "type": "groupchat", "of": hello.StanzaID, "emoji": []string{"👍"}})), "reaction", inRoom.Ref)
	st.nothing("what is listed")
}

// wrongRefs: each wrong ref has its answer, and nothing is sent.
func (st *messagesStage) wrongRefs() {
	mine, _ := st.posts("sybil@localhost", "mine", `,"id":"mine-1"`)
	theirs := st.event("message.chat", st.does("say", doing{"to": slixBot, "body": "hers", "plain": true})).Data
	theirsInRoom := st.event("message.groupchat", st.does("say", doing{"to": archived, "type": "groupchat", "body": "hers, to all", "plain": true})).Data
	st.settle(archived, true)
	of := func(format string, args ...any) string { return fmt.Sprintf(format, args...) }
	messages, hers := "/v1/messages", "/v1/messages/"+theirs.Ref
	for _, c := range []struct {
		method, path, body string
		status             int
		part               string
	}{
		{"POST", messages, of(`{"reply_to":%q,"correct":%q,"body":"x"}`, theirs.Ref, mine.Ref), 422, "goes not with"},
		{"PATCH", messages + "/" + mine.Ref, of(`{"retract":%q,"body":"x"}`, mine.Ref), 422, "goes not with correct"},
		{"DELETE", messages + "/" + mine.Ref + "x", "", 422, "broken ref"},
		{"DELETE", messages + "/" + mine.Ref[:len(mine.Ref)-2], "", 422, "broken ref"},
		{"GET", messages + "/r1_", "", 422, "broken ref"},
		{"POST", messages, of(`{"reply_to":%q,"body":"x"}`, "r1_"+strings.Repeat("A", 600)), 422, "512 characters at most"},
		{"DELETE", messages + "/unknown", "", 404, "unknown"},
		{"POST", messages, of(`{"reply_to":%q,"body":"x"}`, theirs.ID), 404, "ref in data of the event"},
		{"POST", messages, `{"reply_to":"this","body":"x"}`, 404, "this"},
		{"POST", messages, of(`{"to":"mallory@localhost","reply_to":%q,"body":"x"}`, theirs.Ref), 422, "the conversation with sybil@localhost"},
		{"POST", messages, of(`{"to":"archived@rooms.localhost","react":{"to":%q,"emoji":["👍"]}}`, theirs.Ref), 422, "the conversation with sybil@localhost"},
		{"POST", messages, of(`{"to":"plain@rooms.localhost","reply_to":%q,"body":"x"}`, theirsInRoom.Ref), 422, "the conversation with archived@rooms.localhost"},
		{"POST", messages, of(`{"from":"slow@people.localhost","reply_to":%q,"body":"x"}`, theirs.Ref), 403, "another bot, echo@people.localhost"},
		{"PATCH", hers, `{"body":"x"}`, 403, "only messages of the bot itself"},
		{"DELETE", hers, "", 403, "only messages of the bot itself"},
		{"PATCH", messages + "/" + theirsInRoom.Ref, `{"body":"x"}`, 403, "only messages of the bot itself"},
		{"DELETE", messages + "/" + theirsInRoom.Ref, "", 403, "only messages of the bot itself"},
		{"PATCH", messages + "/" + mine.Ref, `{}`, 400, "body: is missing"},
		{"POST", messages, of(`{"reply_to":%q}`, theirs.Ref), 400, "body: is missing"},
		{"POST", messages, of(`{"react":{"to":%q,"emoji":["👍"]},"body":"x"}`, theirs.Ref), 400, "body: goes not with react"},
		{"PUT", hers + "/reactions", `{"emoji":["👍","👍"]}`, 400, "in the list twice"},
		{"PUT", hers + "/reactions", `{"emoji":[":+1:"]}`, 400, "is no emoji"},
		{"PUT", hers + "/reactions", `{"emoji":"👍"}`, 400, "emoji: an array"},
		{"PUT", hers + "/reactions", `{}`, 400, "emoji: is missing"},
		{"POST", messages, `{"react":{"emoji":["👍"]}}`, 400, "react: an object"},
		{"POST", messages, `{"typing":true}`, 400, "to: is missing"},
		{"POST", messages, `{"to":"sybil@localhost","typing":"yes"}`, 400, "typing: true or false"},
		{"GET", messages + "/" + mine.ID + "?wait_for=received", "", 400, "wait_for: needs wait"},
		{"GET", messages + "/" + mine.ID + "?wait_for=read&wait=1s", "", 400, `wait_for: \"read\"`},
	} {
		st.refused(c.status, c.method, c.path, c.body, c.part)
	}
	elsewhere := message.Ref{Own: jid.MustParse(slowBot), Peer: jid.MustParse("sybil@localhost"), ID: mine.ID, OriginID: mine.ID, Mine: true}.String()
	st.token = "token-one"
	st.refused(403, "DELETE", messages+"/"+elsewhere, "", "token")
	st.refused(404, "GET", messages+"/"+mine.ID, "", "this token sent no message")
	st.refused(404, "PATCH", messages+"/"+mine.ID, `{"body":"x"}`, "this token sent no message")
	st.token = "token-all"
	st.posts("sybil@localhost", "the end of it", "")
	st.person.mu.Lock()
	for _, h := range st.person.came {
		if h.From == slixBot {
			st.Errorf("%+v", h)
		}
	}
	st.person.mu.Unlock()
	st.nothing("what was refused")
}

// swallowed returns how many errors were no event.
func (st *messagesStage) swallowed() (n string) {
	for line := range strings.Lines(st.p.Get("/metrics").Body) {
		if text, is := strings.CutPrefix(line, "stanzahook_quiet_bounces_total "); is {
			n = strings.TrimSpace(text)
		}
	}
	return n
}

// comesBack: what the bot does with a message of somebody who does not exist comes back. Only words
// are an event then; and whoever waits hears of it.
func (st *messagesStage) comesBack() {
	post := st.call(202, "POST", "/v1/messages", `{"from":"echo@people.localhost","to":"nobody@localhost","body":"hello"}`)
	st.event("message.error", post.ID)
	theirs := message.Ref{Own: jid.MustParse(slixBot), Peer: jid.MustParse(nobody), ID: "m-1", Author: jid.MustParse(nobody)}.String()
	for i, body := range []string{
		`{"from":"echo@people.localhost","to":"nobody@localhost","typing":true}`,
		fmt.Sprintf(`{"displayed":%q}`, theirs),
		fmt.Sprintf(`{"react":{"to":%q,"emoji":["👍"]}}`, theirs),
		`{"from":"echo@people.localhost","to":"nobody@localhost","receipt":"m-1"}`,
	} {
		st.call(202, "POST", "/v1/messages", body)
		harness.Eventually(st.T, "it has come back", func() bool { return st.swallowed() == fmt.Sprint(i+1) })
	}
	st.refused(422, "PUT", "/v1/messages/"+theirs+"/reactions?wait=30s", `{"emoji":["👍"]}`, "service-unavailable")
	post = st.call(202, "POST", "/v1/messages", fmt.Sprintf(`{"reply_to":%q,"body":"are you there?"}`, theirs))
	st.event("message.error", post.ID)
	st.nothing("what has come back")
}

// types: sybil sees that the bot types while its webhook works.
func (st *messagesStage) types() {
	sees := func(what, from string, is func(h heard) bool) {
		st.T.Helper()
		st.gets(what, func(h heard) bool { return h.From == from && is(h) })
	}
	composing := func(h heard) bool { return h.ChatState == "composing" }
	st.does("say", doing{"to": slowBot, "body": "fast", "plain": true})
	sees("the answer", slowBot, func(h heard) bool {
		if h.ChatState != "" {
			st.Errorf("%+v", h)
		}
		return h.Body == "answer to fast"
	})
	st.does("say", doing{"to": slowBot, "body": "slow", "plain": true})
	sees("that it types", slowBot, composing)
	st.seen <- true
	sees("the answer", slowBot, func(h heard) bool { return h.Body == "answer to slow" })
	st.does("say", doing{"to": slowBot, "body": "slow, for more than 20 seconds", "plain": true})
	sees("that it types", slowBot, composing)
	sees("that it still types", slowBot, composing)
	st.seen <- true
	sees("the answer", slowBot, func(h heard) bool { return h.Body == "answer to slow, for more than 20 seconds" })
	st.does("say", doing{"to": slowBot, "body": "silence", "plain": true})
	sees("that it types", slowBot, composing)
	st.seen <- true
	sees("that it types no longer", slowBot, func(h heard) bool { return h.ChatState == "active" })
	st.does("say", doing{"to": plain, "type": "groupchat", "body": "slow for all", "plain": true})
	sees("that it types", plain+"/Slow", composing)
	st.seen <- true
	sees("the answer", plain+"/Slow", func(h heard) bool { return strings.HasSuffix(h.Body, "answer to slow for all") })
	st.settle(plain, true)
	st.listener.mu.Lock()
	st.listener.came = slices.DeleteFunc(st.listener.came, func(ev said) bool { return strings.Contains(ev.raw, slowBot) })
	st.listener.mu.Unlock()
}

// takesBackAtOnce: a retraction needs the id that the room gives, and waits until the room has given
// it; not for ever.
func (st *messagesStage) takesBackAtOnce() {
	st.step("a program: POST, DELETE")
	st.whole = true
	post := st.call(202, "POST", "/v1/messages", `{"from":"echo@people.localhost","to":"archived@rooms.localhost","body":"too fast"}`)
	st.call(200, "DELETE", "/v1/messages/"+post.Ref, "")
	said := st.gets("too fast", func(h heard) bool { return h.Body == "too fast" })
	if h := st.gets("the retraction", func(h heard) bool { return h.Retract != "" }); h.Retract != said.StanzaID || h.Retract == post.ID {
		st.Errorf("%+v, the message is %+v", h, said)
	}
	st.settle(archived, true)
	st.whole = false
	st.link.Silence(true)
	post = st.call(202, "POST", "/v1/messages", `{"from":"echo@people.localhost","to":"archived@rooms.localhost","body":"the server is silent"}`)
	if r := st.call(422, "DELETE", "/v1/messages/"+post.Ref, ""); r.Condition != "no-stable-id" {
		st.Errorf("%+v", r)
	}
	st.link.Silence(false)
	said = st.gets("what was said", func(h heard) bool { return h.Body == "the server is silent" })
	st.settle(archived, true)
	st.call(200, "DELETE", "/v1/messages/"+post.Ref, "")
	if h := st.gets("the retraction", func(h heard) bool { return h.Retract != "" }); h.Retract != said.StanzaID {
		st.Errorf("%+v, the message is %+v", h, said)
	}
	st.settle(archived, true)
}

// killed: refs of before a kill are good after it; and after the loss of the store, but for what only
// the store knows.
func (st *messagesStage) killed() {
	post, _ := st.posts("sybil@localhost", "before the kill", "")
	inRoom, first := st.posts(archived, "to all, before the kill", "")
	another, second := st.posts(archived, "and another one", "")
	hers := st.event("message.chat", st.does("say", doing{"to": slixBot, "body": "hers, before the kill", "plain": true})).Data
	hersInRoom := st.event("message.groupchat", st.does("say", doing{"to": archived, "type": "groupchat", "body": "hers to all, before the kill", "plain": true})).Data
	mine := st.gets("her own words", func(h heard) bool { return h.ID == hersInRoom.ID })
	st.settle(archived, true)

	st.step("")
	st.p.Kill()
	st.starts()
	st.call(200, "PATCH", "/v1/messages/"+post.Ref, `{"body":"after the kill"}`)
	if h := st.gets("the correction", func(h heard) bool { return h.Body == "after the kill" }); h.Replace != post.ID {
		st.Errorf("%+v", h)
	}
	st.call(200, "PUT", "/v1/messages/"+hers.Ref+"/reactions", `{"emoji":["✅"]}`)
	st.gets("the reaction", func(h heard) bool { return h.React != nil && h.React.To == hers.ID })
	r := st.call(202, "POST", "/v1/messages", fmt.Sprintf(`{"reply_to":%q,"body":"as I said","quote":true}`, hers.Ref))
	if h := st.gets("the reply", func(h heard) bool { return h.Reply != nil }); h.Reply.ID != hers.ID || r.Quoted == nil || *r.Quoted {
		st.Errorf("%+v %+v", h, r)
	}
	st.call(200, "PUT", "/v1/messages/"+hersInRoom.Ref+"/reactions", `{"emoji":["✅"]}`)
	st.gets("the reaction in the room", func(h heard) bool { return h.React != nil && h.React.To == mine.StanzaID })
	st.settle(archived, true)
	st.call(200, "DELETE", "/v1/messages/"+inRoom.Ref, "")
	st.gets("the retraction in the room", func(h heard) bool { return h.Retract == first.StanzaID })
	st.settle(archived, true)
	st.refers(st.event("message.reaction", st.acts("Gajim", "react", doing{"to": slixBot, "of": post.ID, "emoji": []string{"👍"}})), "reaction", post.Ref)
	st.refers(st.event("message.reaction", st.acts("Gajim", "react", doing{"to": archived, "type": "groupchat", "of": second.StanzaID, "emoji": []string{"👍"}})), "reaction", another.Ref)
	st.settle(archived, true)
	if ev := st.taken("message.correction", st.acts("Gajim", "correct", doing{"to": slixBot, "of": hers.ID, "body": "hers, corrected"})); !*ev.Data.Foreign { // authors are in memory only
		st.Errorf("%s", ev.raw)
	}

	st.step("")
	st.p.Kill()
	if err := os.RemoveAll(filepath.Join(filepath.Dir(st.file), "store")); err != nil {
		st.Fatal(err)
	}
	st.starts()
	st.call(200, "PUT", "/v1/messages/"+hersInRoom.Ref+"/reactions", `{"emoji":["👀"]}`)
	st.gets("the reaction in the room", func(h heard) bool { return h.React != nil && h.React.To == mine.StanzaID && h.React.Emoji[0] == "👀" })
	st.settle(archived, true)
	st.call(200, "DELETE", "/v1/messages/"+post.Ref, "")
	st.gets("the retraction", func(h heard) bool { return h.Retract == post.ID })
	st.refused(422, "DELETE", "/v1/messages/"+another.Ref, "", "no-stable-id")
	st.nothing("after the kills")
}

// gajim: mallory joins the room and runs a command in the form of Gajim.
func (st *messagesStage) gajim() {
	st.step("mallory, with Gajim: leave, join")
	st.mallory.does("raw", doing{"xml": "<presence to='" + archived + "/Mallory' type='unavailable'/>"})
	st.mallory.gets("her leave", func(h heard) bool {
		return h.Presence != nil && h.Presence.From == archived+"/Mallory" && h.Presence.Type == "unavailable" && !slices.Contains(h.Presence.Codes, 303)
	})
	st.mallory.does("raw", doing{"xml": "<iq type='get' id='ID' to='" + archived + "'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"})
	st.mallory.does("raw", doing{"xml": "<presence id='ID' to='" + archived + "/Mallory'><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://gajim.org' ver='qvOhk0Yyy0gUyyFqeDdHOYCEhSI='/>" +
		"<x xmlns='http://jabber.org/protocol/muc'><history maxchars='0'/></x></presence>"})
	st.isMallory("Mallory")
	st.settle(archived, true)
	run := func(what string, o doing) {
		st.T.Helper()
		st.step("mallory, with Gajim: " + what)
		o["to"], o["node"] = slixBot, "deploy"
		id := st.mallory.does("command", o)
		st.mallory.gets("the answer", func(h heard) bool { return h.IQ != nil && h.IQ.ID == id && h.IQ.Type == "result" })
	}
	run("execute", doing{"action": "execute"})
	run("complete, with the form as it came", doing{"action": "complete", "values": map[string][]string{}})
	run("complete", doing{"action": "complete", "values": map[string][]string{"env": {"prod"}, "dry": {"0"}, "why": {"one", "two"}}})
	st.event("command.submit", "")
	run("execute", doing{"action": "execute"})
	run("cancel", doing{"action": "cancel"})
	st.nothing("the commands")
}
