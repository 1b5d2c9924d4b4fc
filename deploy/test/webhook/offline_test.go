//go:build integration

package webhook

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// What a bot does with the message of somebody who is offline then: a reaction is in that one's
// archive (XEP-0313) after the next login, what needs no archive is dropped, and the bot hears
// of no error. The transcripts are in testdata.
func TestReactionToSomebodyOffline(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		o := harness.ServerOptions(kind, "people")
		if kind == lab.Prosody {
			o.Modules = []string{"mam", "offline"}
		} else {
			o.Edit = func(config []byte) ([]byte, error) {
				return harness.AddYAML(config, map[string]any{"modules": map[string]any{"mod_mam": map[string]any{"default": "always"}, "mod_offline": map[string]any{}}})
			}
		}
		s := harness.StartServer(t, o)
		said := harness.NewTranscript(t, func(stanza string) bool {
			q := strings.ReplaceAll(stanza, `"`, "'")
			late := strings.Contains(q, "urn:xmpp:delay") && !strings.Contains(q, "<result ") // what waited for bob comes when the server likes to
			return strings.HasPrefix(q, "<message") && strings.Contains(q, "@people.localhost") && !late
		}, "bob")
		l := newListener(t)
		dir := t.TempDir()
		file := harness.WriteConfig(t, dir, fmt.Sprintf("components: [{domain: people.localhost, server: %q, secret: %q}]\nendpoints: [{name: bot, url: %q}]\nhttp: {listen: \"127.0.0.1:0\", insecure_no_auth: true}\nstore: {dir: %q}\n",
			said.Through("component", s.ComponentAddr()).Addr(), harness.Secret, l.url, filepath.Join(dir, "store")))
		p := harness.LaunchLinked(t, file)
		call := func(method, path, body string) {
			t.Helper()
			if r := said.Call(p, method, path, harness.AsJSON, body); r.Status/100 != 2 {
				t.Fatalf("%s %s: %+v", method, path, r)
			}
		}
		bob := harness.LoginBy(t, s, said.Through("bob", s.ClientAddr()).Addr(), "bob")
		said.Step("bob writes, and goes offline")
		bob.Send("<message type='chat' id='b1' to='%s'><body>see you</body><origin-id xmlns='urn:xmpp:sid:0' id='b1'/></message>", slixBot)
		ref := l.event("message.chat", "b1").Data.Ref
		bob.Send("<presence type='unavailable'/><iq type='get' id='off' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
		bob.Await("that he is offline", func(r lab.Received) bool { return r.Kind == "iq" && r.ID == "off" })

		said.Step("the bot reacts, has read it, writes and has written")
		call("PUT", "/v1/messages/"+ref+"/reactions", `{"emoji":["✅"]}`)
		call("POST", "/v1/messages", fmt.Sprintf(`{"displayed":%q}`, ref))
		call("POST", "/v1/messages", `{"from":"echo@people.localhost","to":"bob@localhost","typing":true}`)
		call("POST", "/v1/messages?wait=10s", `{"from":"echo@people.localhost","to":"bob@localhost","body":"see you, too"}`)
		_ = bob.Close()

		said.Step("bob comes back, and reads his archive")
		bob = harness.LoginBy(t, s, said.Through("bob", s.ClientAddr()).Addr(), "bob")
		bob.Send("<iq type='set' id='mam'><query xmlns='urn:xmpp:mam:2'/></iq>")
		bob.Await("the reaction, from his archive", func(r lab.Received) bool {
			return r.Kind == "message" && strings.Contains(r.Inner, "urn:xmpp:mam:2") && strings.Contains(r.Inner, "urn:xmpp:reactions:0") && strings.Contains(r.Inner, "✅") && strings.Contains(r.Inner, "b1")
		})
		bob.Await("the end of his archive", func(r lab.Received) bool { return r.Kind == "iq" && r.ID == "mam" && r.Type == "result" })
		bob.Send("<message type='chat' id='b2' to='%s'><body>here I am</body></message>", slixBot)
		l.event("message.chat", "b2")
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, ev := range l.came {
			text, _ := json.Marshal(ev.Data)
			t.Errorf("an event that nobody has sent: %s %s", ev.Type, text)
		}
		said.Compare("offline", kind, *update)
	})
}
