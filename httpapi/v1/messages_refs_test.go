package v1_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"stanzahook/httpapi/v1"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/gateway/gatewaytest"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

var (
	botJID, userJID, roomJID = jid.MustParse("bot.example.com"), jid.MustParse("u@example.com"), jid.MustParse("lounge@rooms.example.com")

	theirs    = message.Ref{Own: botJID, Peer: userJID, ID: "t1", OriginID: "to1", Author: jid.MustParse("u@example.com/phone")}
	mine      = message.Ref{Own: botJID, Peer: userJID, ID: "m1", OriginID: "m1", Mine: true}
	private   = message.Ref{Own: botJID, Peer: jid.MustParse("lounge@rooms.example.com/Al"), ID: "p1", OriginID: "p1", Author: jid.MustParse("lounge@rooms.example.com/Al")}
	said      = message.Ref{Kind: message.Room, Own: botJID, Peer: roomJID, ID: "r1", StanzaID: "s1", Author: jid.MustParse("lounge@rooms.example.com/Al")}
	saidMine  = message.Ref{Kind: message.Room, Own: botJID, Peer: roomJID, ID: "r2", OriginID: "r2", StanzaID: "s2", Mine: true}
	noIDs     = message.Ref{Kind: message.Room, Own: botJID, Peer: roomJID, ID: "r3", Author: jid.MustParse("lounge@rooms.example.com/Al")}
	elsewhere = message.Ref{Own: jid.MustParse("x@bot.example.com"), Peer: userJID, ID: "t1"}
)

// refs are the API with what it remembers: the text of theirs, and the message plain, which
// the token sender has sent.
func refs(n *gatewaytest.Network) http.Handler {
	recent := message.NewRecent(message.RecentBytes)
	recent.Add(theirs, "u@example.com", "how are you?\nwell?", now)
	return serve(v1.Options{Deliveries: &fake{}, Sender: n, Recent: recent, Now: func() time.Time { return now }, Sent: func(_ context.Context, id, caller string) (store.SentMessage, error) {
		if id != "plain" || caller != "sender" {
			return store.SentMessage{}, gateway.ErrNotFound
		}
		return store.SentMessage{ID: id, Ref: mine.String(), State: store.SentConfirmed}, nil
	}})
}

const hints = "<store xmlns='urn:xmpp:hints'/>"

// Each key goes out in the form and with the id of its XEP, to where the message was.
func TestRefsAreWritten(t *testing.T) {
	const chat, room = "<message type='chat' id='i' from='bot.example.com' to='u@example.com'>", "<message type='groupchat' id='i' from='bot.example.com' to='lounge@rooms.example.com'>"
	const end = "<origin-id xmlns='urn:xmpp:sid:0' id='i'/></message>"
	const retraction = "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:message-retract:1'/><body>/me retracted a previous message, but it&apos;s unsupported by your client.</body>" + hints + end
	for name, c := range map[string]struct{ method, path, body, sent, more string }{
		"reply":                       {"POST", "", `{"id":"i","reply_to":"` + theirs.String() + `","body":"fine"}`, chat + "<body>fine</body><reply xmlns='urn:xmpp:reply:0' id='t1' to='u@example.com/phone'/>" + end, ""},
		"reply to our own":            {"POST", "", `{"id":"i","reply_to":"plain","body":"and"}`, chat + "<body>and</body><reply xmlns='urn:xmpp:reply:0' id='m1' to='bot.example.com'/>" + end, ""},
		"reply with a quote":          {"POST", "", `{"id":"i","reply_to":"` + theirs.String() + `","body":"fine","quote":true}`, chat + "<body>&gt; how are you?\n&gt; well?\nfine</body><reply xmlns='urn:xmpp:reply:0' id='t1' to='u@example.com/phone'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='23'/></fallback>" + end, ""},
		"reply with a text as quote":  {"POST", "", `{"id":"i","reply_to":"` + private.String() + `","body":"x","quote":"a <b>"}`, "<message type='chat' id='i' from='bot.example.com' to='lounge@rooms.example.com/Al'><body>&gt; a &lt;b&gt;\nx</body><reply xmlns='urn:xmpp:reply:0' id='p1' to='lounge@rooms.example.com/Al'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='8'/></fallback>" + end, ""},
		"quote of what nobody knows":  {"POST", "", `{"id":"i","reply_to":"plain","body":"x","quote":true}`, chat + "<body>x</body><reply xmlns='urn:xmpp:reply:0' id='m1' to='bot.example.com'/>" + end, `"quoted":false`},
		"reply in a room":             {"POST", "", `{"id":"i","reply_to":"` + said.String() + `","body":"x"}`, room + "<body>x</body><reply xmlns='urn:xmpp:reply:0' id='s1' to='lounge@rooms.example.com/Al'/>" + end, ""},
		"reply in a room without ids": {"POST", "", `{"id":"i","reply_to":"` + noIDs.String() + `","body":"x"}`, room + "<body>x</body>" + end, `"reply":false`},
		"react":                       {"POST", "", `{"id":"i","react":{"to":"` + theirs.String() + `","emoji":["👍","<"]}}`, chat + "<reactions xmlns='urn:xmpp:reactions:0' id='to1'><reaction>👍</reaction><reaction>&lt;</reaction></reactions>" + hints + end, ""},
		"react in a room":             {"POST", "", `{"id":"i","react":{"to":"` + said.String() + `","emoji":[]}}`, room + "<reactions xmlns='urn:xmpp:reactions:0' id='s1'></reactions>" + hints + end, ""},
		"react by path":               {"PUT", "/" + theirs.String() + "/reactions", `{"id":"i","emoji":["👍"]}`, chat + "<reactions xmlns='urn:xmpp:reactions:0' id='to1'><reaction>👍</reaction></reactions>" + hints + end, ""},
		"correct":                     {"POST", "", `{"id":"i","correct":"` + mine.String() + `","body":"better"}`, chat + "<body>better</body><replace xmlns='urn:xmpp:message-correct:0' id='m1'/>" + end, `"ref":"` + mine.String() + `"`},
		"correct in a room, by path":  {"PATCH", "/" + saidMine.String(), `{"id":"i","body":"better"}`, room + "<body>better</body><replace xmlns='urn:xmpp:message-correct:0' id='r2'/>" + end, `"ref":"` + saidMine.String() + `"`},
		"correct by id":               {"PATCH", "/plain", `{"id":"i","body":"better"}`, chat + "<body>better</body><replace xmlns='urn:xmpp:message-correct:0' id='m1'/>" + end, ""},
		"retract":                     {"POST", "", `{"id":"i","retract":"plain"}`, chat + "<retract xmlns='urn:xmpp:message-retract:1' id='m1'/>" + retraction, ""},
		"retract in a room, by path":  {"DELETE", "/" + saidMine.String(), `{"id":"i"}`, room + "<retract xmlns='urn:xmpp:message-retract:1' id='s2'/>" + retraction, `"ref":"` + saidMine.String() + `"`},
		"displayed":                   {"POST", "", `{"id":"i","to":"u@example.com/phone","displayed":"` + theirs.String() + `"}`, chat + "<displayed xmlns='urn:xmpp:chat-markers:0' id='t1'/>" + hints + end, ""},
		"displayed by mod_rest":       {"POST", "", `{"id":"i","to":"u@example.com","displayed":"x"}`, chat + "<displayed xmlns='urn:xmpp:chat-markers:0' id='x'/>" + end, ""},
		"typing":                      {"POST", "", `{"id":"i","to":"u@example.com","typing":true}`, chat + "<composing xmlns='http://jabber.org/protocol/chatstates'/><no-store xmlns='urn:xmpp:hints'/>" + end, ""},
		"no longer typing":            {"POST", "", `{"id":"i","to":"u@example.com","typing":false}`, chat + "<active xmlns='http://jabber.org/protocol/chatstates'/><no-store xmlns='urn:xmpp:hints'/>" + end, ""},
		"track":                       {"POST", "", `{"id":"i","to":"u@example.com","body":"x","track":true}`, chat + "<body>x</body><request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/>" + end, ""},
		"buttons":                     {"POST", "", `{"id":"i","to":"u@example.com","body":"Tea?","buttons":["Yes",{"label":"No","value":"n<"}]}`, chat + "<body>Tea?\n1) Yes\n2) No</body><response xmlns='urn:xmpp:tmp:quick-response' value='Yes' label='Yes'/><response xmlns='urn:xmpp:tmp:quick-response' value='n&lt;' label='No'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:tmp:quick-response'><body start='4' end='17'/></fallback>" + end, ""},
		"buttons of a correction":     {"PATCH", "/plain", `{"id":"i","body":"Tea?","buttons":["Yes"]}`, chat + "<body>Tea?\n1) Yes</body><replace xmlns='urn:xmpp:message-correct:0' id='m1'/><response xmlns='urn:xmpp:tmp:quick-response' value='Yes' label='Yes'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:tmp:quick-response'><body start='4' end='11'/></fallback>" + end, ""},
		"no buttons":                  {"POST", "", `{"id":"i","to":"u@example.com","body":"Tea?","buttons":[]}`, chat + "<body>Tea?</body>" + end, ""},
		"an origin-id of the caller":  {"POST", "", `{"id":"i","to":"u@example.com","xml":"<origin-id xmlns='urn:xmpp:sid:0' id='mine'/>"}`, chat + "<origin-id xmlns='urn:xmpp:sid:0' id='mine'/></message>", ""},
	} {
		t.Run(name, func(t *testing.T) {
			n := &gatewaytest.Network{MaxBytes: 10_000}
			w := ask(refs(n), "sender", c.method, "/v1/messages"+c.path, c.body)
			status := map[string]int{"POST": 202}[c.method]
			if status == 0 {
				status = 200
			}
			var v struct{ ID, Ref, State string }
			if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || w.Code != status || v.ID != "i" || !strings.Contains(w.Body.String(), c.more) {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if r, err := message.ParseRef(v.Ref); err != nil || !r.Mine {
				t.Errorf("ref %q: %v", v.Ref, err)
			}
			all := n.Sent()
			if len(all) != 1 {
				t.Fatalf("%d sent", len(all))
			}
			want := stanza.Must(stanza.Parse(c.sent, stanza.Limits{}))
			if got := all[0].XML(); got != strings.ReplaceAll(want.XML(), "&apos;", "'") {
				t.Errorf("sent\n%s\nwant\n%s", got, want.XML())
			}
		})
	}
}

// What cannot be done is refused, with the key and the reason, and nothing is sent.
func TestRefsAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		text               string
	}{
		"two things":               {"POST", "", `{"reply_to":"plain","correct":"plain","body":"x"}`, 422, "correct: goes not with reply_to"},
		"two things by path":       {"PATCH", "/plain", `{"retract":"plain","body":"x"}`, 422, "retract: goes not with correct"},
		"a broken ref":             {"POST", "", `{"retract":"` + mine.String() + `x"}`, 422, "broken ref"},
		"an unknown id":            {"DELETE", "/nope", ``, 404, "nope"},
		"another's id":             {"POST", "", `{"react":{"to":"theirs","emoji":[]}}`, 404, "theirs"},
		"another conversation":     {"POST", "", `{"to":"v@example.com","reply_to":"plain","body":"x"}`, 422, "conversation with u@example.com"},
		"another bot":              {"POST", "", `{"from":"bot.example.com","reply_to":"` + elsewhere.String() + `","body":"x"}`, 403, "another bot, x@bot.example.com"},
		"no stable id":             {"POST", "", `{"react":{"to":"` + noIDs.String() + `","emoji":["👍"]}}`, 422, "no-stable-id"},
		"theirs, corrected":        {"PATCH", "/" + theirs.String(), `{"body":"x"}`, 403, "only messages of the bot itself"},
		"theirs, retracted":        {"DELETE", "/" + theirs.String(), ``, 403, "only messages of the bot itself"},
		"a correction of nothing":  {"PATCH", "/plain", `{}`, 400, "body: is missing"},
		"a reply of nothing":       {"POST", "", `{"reply_to":"plain"}`, 400, "body: is missing"},
		"a body too much":          {"POST", "", `{"react":{"to":"plain","emoji":[]},"body":"x"}`, 400, "body: goes not with react"},
		"an emoji twice":           {"POST", "", `{"react":{"to":"plain","emoji":["✅","✅"]}}`, 400, "react: emoji[1]: ✅ is in the list twice"},
		"an emoji by its name":     {"POST", "", `{"react":{"to":"plain","emoji":[":+1:"]}}`, 400, "is no emoji; write the character itself"},
		"a message as of others":   {"POST", "", `{"to":"juliet@example.com","text":"x"}`, 400, "did you mean \"body\"?"},
		"an unknown key":           {"POST", "", `{"to":"juliet@example.com","replyto":"x"}`, 400, "unknown key; known are files, private, buttons, reply_to, "},
		"another's message by id":  {"POST", "", `{"reply_to":"m1","body":"x"}`, 404, "ref in data of the event"},
		"an emoji of a book":       {"POST", "", `{"react":{"to":"plain","emoji":["` + strings.Repeat("x", 101) + `"]}}`, 400, "emoji[0]"},
		"a reaction to nothing":    {"POST", "", `{"react":{"emoji":["a"]}}`, 400, "react: an object"},
		"reactions by no array":    {"PUT", "/plain/reactions", `{"emoji":"a"}`, 400, "emoji: an array"},
		"no reactions":             {"PUT", "/plain/reactions", `{}`, 400, "emoji: is missing"},
		"typing by words":          {"POST", "", `{"to":"u@example.com","typing":"yes"}`, 400, "typing: true or false"},
		"typing to nobody":         {"POST", "", `{"typing":true}`, 400, "to: is missing"},
		"wait_for without wait":    {"POST", "?wait_for=received", `{"to":"u@example.com","body":"x"}`, 400, "wait_for: needs wait"},
		"wait_for something":       {"POST", "?wait=1s&wait_for=read", `{"to":"u@example.com","body":"x"}`, 400, "wait_for: \"read\""},
		"a ref in GET of no bot":   {"GET", "/r1_xx", ``, 422, "broken ref"},
		"buttons without a body":   {"POST", "", `{"to":"u@example.com","buttons":["a"]}`, 400, "body: is missing"},
		"buttons of a subject":     {"POST", "", `{"to":"u@example.com","subject":"x","buttons":["a"]}`, 400, "buttons: need one body"},
		"buttons of two languages": {"POST", "", `{"to":"u@example.com","body":"x","xml":"<body xml:lang='de'>y</body>","buttons":["a"]}`, 400, "buttons: need one body"},
		"buttons of a reaction":    {"POST", "", `{"react":{"to":"plain","emoji":[]},"buttons":["a"]}`, 422, "buttons: goes not with react"},
		"buttons twice the same":   {"POST", "", `{"to":"u@example.com","body":"x","buttons":["a","A"]}`, 400, `buttons[1].label: "A" is the label`},
		"too many buttons":         {"POST", "", `{"to":"u@example.com","body":"x","buttons":["a"` + strings.Repeat(`,"a"`, 5000) + `]}`, 400, "buttons: are 5001; there may be 20"},
		"a button by number":       {"PATCH", "/plain", `{"body":"x","buttons":[{"label":"a","value":1}]}`, 400, "buttons[0].value: a string is expected"},
		"an unknown key is no ref": {"POST", "", `{"to":"u@example.com","body":"x","replyto":"x"}`, 400, "replyto: unknown key"},
	} {
		t.Run(name, func(t *testing.T) {
			n := &gatewaytest.Network{MaxBytes: 10_000}
			w := ask(refs(n), "sender", c.method, "/v1/messages"+c.path, c.body)
			if w.Code != c.status || !strings.Contains(w.Body.String(), strings.ReplaceAll(c.text, `"`, `\"`)) || len(n.Sent()) > 0 {
				t.Errorf("%d %s, %d sent", w.Code, w.Body, len(n.Sent()))
			}
		})
	}
}

// A caller that waits learns that the message was displayed, or what there is at the end.
func TestWaitFor(t *testing.T) {
	states := make(chan store.SentState, 10)
	state := store.SentConfirmed
	news := make(chan struct{})
	n := &gatewaytest.Network{MaxBytes: 10_000}
	h := serve(v1.Options{Deliveries: &fake{}, Sender: n, News: func() <-chan struct{} { return news }, Sent: func(context.Context, string, string) (store.SentMessage, error) {
		select {
		case state = <-states:
		default:
		}
		m := store.SentMessage{ID: "i", State: state, Caller: "sender", Time: now, Changed: now}
		if state == store.SentDisplayed {
			m.Received, m.Displayed = now, now
		}
		return m, nil
	}})
	go func() { // each look sees another state
		states <- store.SentConfirmed
		states <- store.SentReceived
		states <- store.SentDisplayed
		close(news)
	}()
	w := ask(h, "sender", "POST", "/v1/messages?wait=20s&wait_for=displayed", `{"to":"u@example.com","body":"x","track":true}`)
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"state":"displayed"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w = ask(h, "sender", "GET", "/v1/messages/i?wait=20s&wait_for=received", ``)
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"displayed":"20`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	news = nil
	states <- store.SentConfirmed
	w = ask(h, "sender", "POST", "/v1/messages?wait=20ms&wait_for=displayed", `{"to":"u@example.com","body":"x","track":true}`)
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"state":"confirmed"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
