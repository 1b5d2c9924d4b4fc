//go:build integration

package webhook

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// What people do with messages, in the forms of Conversations, and what a bot does by
// reference, also of before a kill.
func TestMessagesOnServers(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		events := make(chan map[string]any, 100)
		bot := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			var ev struct{ Data map[string]any }
			if data, _ := io.ReadAll(r.Body); json.Unmarshal(data, &ev) == nil {
				events <- ev.Data
			}
		}))
		t.Cleanup(bot.Close)
		dir := t.TempDir()
		file := harness.WriteConfig(t, dir, fmt.Sprintf("components: [{domain: format.localhost, server: %q, secret: %q}]\nendpoints: [{name: bot, url: %q}]\nhttp: {listen: \"127.0.0.1:0\", insecure_no_auth: true}\nstore: {dir: %q}\n",
			s.ComponentAddr(), harness.Secret, bot.URL, filepath.Join(dir, "store")))
		p := harness.LaunchLinked(t, file)
		u := harness.Login(t, s, "grace")
		write := func(id, inner string) {
			u.Send("<message type='chat' id='%s' to='echo@format.localhost'>%s</message>", id, inner)
		}
		seen := make(map[string]bool)
		next := func(event string) map[string]any {
			t.Helper()
			var data map[string]any
			for late := time.After(harness.Patience); data == nil; {
				select {
				case data = <-events:
				case <-late:
					t.Fatalf("no %s", event)
				}
				if id, _ := data["id"].(string); seen[id] {
					data = nil // again, after the kill
				}
			}
			id, _ := data["id"].(string)
			seen[id] = true
			if data["event"] != event {
				t.Fatalf("%v, want %s", data, event)
			}
			return data
		}
		send := func(method, path, body string) (id, ref string) {
			t.Helper()
			r, err := p.Call(method, path, "", harness.AsJSON, body)
			var v struct{ ID, Ref string }
			if err != nil || r.Status/100 != 2 || json.Unmarshal([]byte(r.Body), &v) != nil {
				t.Fatalf("%s %s: %d %s %v", method, path, r.Status, r.Body, err)
			}
			return v.ID, v.Ref
		}
		gets := func(parts ...string) {
			t.Helper()
			u.Await(strings.Join(parts, ", "), func(r lab.Received) bool {
				for _, part := range parts {
					if r.Kind != "message" || !strings.Contains(r.Inner, part) {
						return false
					}
				}
				return true
			})
		}
		id, ref := send("POST", "/v1/messages", `{"from":"echo@format.localhost","to":"grace@localhost","body":"hello"}`)
		gets("hello", "origin-id")
		write("c1", "<reactions xmlns='urn:xmpp:reactions:0' id='"+id+"'><reaction>👍</reaction></reactions><store xmlns='urn:xmpp:hints'/>")
		if ev := next("reaction"); ev["ref_of"] != ref {
			t.Errorf("the reaction is to %v, the message is %s", ev["ref_of"], ref)
		}
		write("c2", "<body>hi</body><origin-id xmlns='urn:xmpp:sid:0' id='o2'/><markable xmlns='urn:xmpp:chat-markers:0'/>")
		theirs := next("message")["ref"].(string)
		send("PUT", "/v1/messages/"+theirs+"/reactions", `{"emoji":["✅"]}`)
		gets("reactions", "o2", "✅")
		write("c3", "<retract xmlns='urn:xmpp:message-retract:1' id='o2'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:message-retract:1'/><body>gone</body>")
		write("c4", "<apply-to xmlns='urn:xmpp:fasten:0' id='o2'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to>")
		for range 2 {
			if ev := next("retraction"); ev["ref_of"] != theirs || ev["foreign"] != false {
				t.Errorf("%v", ev)
			}
		}
		write("c5", "<composing xmlns='http://jabber.org/protocol/chatstates'/>") // no event
		write("c6", "<body>your client doesn't seem to support that</body><encrypted xmlns='eu.siacs.conversations.axolotl'/><encryption xmlns='urn:xmpp:eme:0' name='OMEMO' namespace='eu.siacs.conversations.axolotl'/>")
		gets("I cannot read encrypted messages")
		p.Kill()
		p = harness.LaunchLinked(t, file)
		send("PATCH", "/v1/messages/"+ref, `{"body":"hallo"}`)
		gets("hallo", "urn:xmpp:message-correct:0", id)
		send("POST", "/v1/messages", `{"from":"echo@format.localhost","to":"grace@localhost","typing":true}`)
		gets("composing")
		write("c7", "<reactions xmlns='urn:xmpp:reactions:0' id='"+id+"'/>")
		if ev := next("reaction"); ev["ref_of"] != ref {
			t.Errorf("after the kill the reaction is to %v, the message is %s", ev["ref_of"], ref)
		}
	})
}
