//go:build integration

package webhook

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// An encrypted message in a chat is answered once a day, also over a kill, and is no event; one in a
// room, or one that has keys only, is not answered. Requests for the bot's devices get item-not-found.
// An encrypted file is an attachment. The transcripts are in testdata.
func TestEncryptedOnServers(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.WithRooms(harness.ServerOptions(kind, "people")))
		said := harness.NewTranscript(t, func(stanza string) bool {
			q := strings.ReplaceAll(stanza, `"`, "'")
			back := strings.Contains(q, " from='"+plain+"/Sybil'") && strings.Contains(q, " to='sybil@localhost/slix'") // it comes when the room likes to
			receipt := strings.Contains(q, "<received ")                                                                // it goes out beside the event, and again after a kill
			if back || receipt || strings.Contains(q, "urn:xmpp:delay") {
				return false
			}
			devices := strings.Contains(q, "http://jabber.org/protocol/pubsub'><items") || strings.HasPrefix(q, "<iq ") && strings.Contains(q, "<item-not-found")
			return devices || strings.HasPrefix(q, "<message") && harness.Between(slixBot, plain, "Echo", "@people.localhost", plain)(stanza)
		}, "sybil")
		alice := harness.Login(t, s, "alice")
		alice.Send("<presence to='%s/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>", plain)
		alice.Send("<iq type='set' id='open' to='%s'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>", plain)
		alice.Await("the room is open", func(r lab.Received) bool { return r.Kind == "iq" && r.ID == "open" && r.Type == "result" })
		l := newListener(t)
		dir := t.TempDir()
		file := harness.WriteConfig(t, dir, fmt.Sprintf(`
components: [{domain: people.localhost, server: %q, secret: %q}]
endpoints:
  - {name: forward, url: %q, encrypted: forward, match: {to: ["forward@*"]}}
  - {name: drop, url: %[3]q, encrypted: drop, match: {to: ["drop@*"]}}
  - {name: own, url: %[3]q, encrypted_text: "In plain text, please.", match: {to: ["own@*"]}}
  - {name: bot, url: %[3]q}
rooms: [{jid: %[4]s, from: %[5]s, nick: Echo}]
http: {listen: "127.0.0.1:0", insecure_no_auth: true}
store: {dir: %[6]q}
`, said.Through("component", s.ComponentAddr()).Addr(), harness.Secret, l.url, plain, slixBot, filepath.Join(dir, "store")))
		st := &peopleStage{T: t, listener: l, p: harness.LaunchLinked(t, file), said: said}
		l.event("room.joined", "")
		said.Knows(plain)
		st.person = newPerson(t, said.Through("sybil", s.ClientAddr()).Addr(), "sybil")
		st.joins(plain)

		told := func(h heard) bool {
			return strings.Contains(h.Body, "cannot read") || strings.HasSuffix(h.From, "/Echo")
		}
		// silence: nothing has come of what was sent so far.
		silence := func(what string) {
			t.Helper()
			st.event("message.chat", st.person.does("say", doing{"to": slixBot, "body": "alone, after " + what, "plain": true}))
			st.step("sybil, to all, after " + what)
			st.writes("Conversations", "omemo", doing{"to": plain, "type": "groupchat"})
			st.event("message.groupchat", st.person.does("say", doing{"to": plain, "type": "groupchat", "body": "to all, after " + what, "plain": true}))
			st.call(200, "POST", "/v1/messages?wait=20s", `{"from":"echo@people.localhost","to":"sybil@localhost","body":"after `+what+`"}`)
			st.gets("after "+what, func(h heard) bool {
				if told(h) {
					t.Errorf("%s: %+v", what, h)
				}
				return h.Body == "after "+what
			})
			l.mu.Lock()
			defer l.mu.Unlock()
			for _, ev := range l.came {
				if ev.Type == "message.encrypted" || strings.Contains(ev.raw, "OMEMO") {
					t.Errorf("%s: %s", what, ev.raw)
				}
			}
		}
		const drop = "drop@people.localhost"
		st.step("sybil, what is dropped, and keys")
		st.writes("Conversations", "omemo", doing{"to": drop})
		st.writes("Conversations", "omemo_keys", doing{"to": slixBot})
		silence("what is dropped, and keys")
		st.acts("Gajim", "ox", doing{"to": slixBot}) // without a body
		if h := st.gets("that it cannot be read", told); h.From != slixBot || h.Body != "I cannot read encrypted messages (OMEMO). Please turn encryption off for this chat and send it again." {
			t.Errorf("%+v", h)
		}
		st.acts("Conversations", "omemo", doing{"to": "own@people.localhost"})
		st.gets("what another bot says of it", func(h heard) bool { return h.From == "own@people.localhost" && h.Body == "In plain text, please." })
		st.step("sybil, more on the same day")
		for _, c := range clients {
			for _, how := range []string{"omemo", "ox", "pgp", "otr"} {
				if c.encrypts[how] != "" {
					st.writes(c.name, how, doing{"to": slixBot})
				}
			}
		}
		silence("more on the same day")
		st.step("stanzahook is killed, and starts")
		st.p.Kill()
		st.p = harness.LaunchLinked(t, file)
		l.event("room.joined", "")
		said.Knows(plain)
		st.step("sybil, after the kill")
		st.writes("Dino", "omemo", doing{"to": slixBot})
		silence("the kill")
		if ev := st.event("message.encrypted", st.acts("Dino", "omemo", doing{"to": "forward@people.localhost"})); ev.Data.Encrypted.Name != "OMEMO" || ev.Data.Body != "" || ev.Data.Fallback == "" {
			t.Errorf("%s", ev.raw)
		}

		for _, where := range [][2]string{{slixBot, "chat"}, {plain, "groupchat"}} {
			to, typ := where[0], where[1]
			const url = "aesgcm://files.example.com/cat.jpg#00112233"
			ev := st.event("message."+typ, st.acts("Gajim", "file", doing{"to": to, "type": typ, "url": url}))
			if a := ev.Data.Attachments; len(a) != 1 || a[0].URL != url || !strings.Contains(ev.raw, `"encrypted":true`) {
				t.Errorf("%s", ev.raw)
			}
		}
		for i, node := range []string{"eu.siacs.conversations.axolotl.devicelist", "eu.siacs.conversations.axolotl.bundles:7", "urn:xmpp:omemo:2:devices", "urn:xmpp:omemo:2:bundles"} {
			st.step("alice asks for " + node)
			alice.Send("<iq type='get' id='d%d' to='%s'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='%s'/></pubsub></iq>", i, slixBot, node)
			r := alice.Await(node, func(r lab.Received) bool { return r.Kind == "iq" && r.ID == fmt.Sprint("d", i) })
			if r.Type != "error" || r.Error != "item-not-found" {
				t.Errorf("%s: %+v", node, r)
			}
		}
		said.Compare("encrypted", kind, *update)
	})
}
