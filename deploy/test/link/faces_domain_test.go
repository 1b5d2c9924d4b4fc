//go:build integration

package link

import (
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/profile"
)

const domainConfig = `
bots:
  - jid: event.localhost
    name: Events
    avatar: events.png
    vcard: {note: Tells what happens, url: "https://example.com", email: ops@example.com, org: Example}
    identity: {category: gateway, type: http}
    presence: {status: Ready}
`

// The component itself, which has no localpart, has a profile as bots have; and a presence that is
// set until a time is followed by the one of before. alice has slixmpp. What is said for it is in testdata.
func TestFacesOfDomain(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		const domain, path = "event.localhost", "/v1/bots/event.localhost/presence"
		s := harness.StartServer(t, harness.ServerOptions(kind, "event"))
		between := harness.Between("", "", "", domain)
		said := harness.NewTranscript(t, func(stanza string) bool { // what the component asks the server is not for alice
			return between(stanza) && (strings.Contains(stanza, "alice@localhost") || !strings.Contains(stanza, " from="))
		}, "alice")
		dir := t.TempDir()
		red := squareOf(t, color.RGBA{R: 255, A: 255}, 16)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "events.png"), red, 0o600))
		c := harness.OneComponent(s, "event", harness.NewBot(t))
		c.Components[0].Server = said.Through("component", s.ComponentAddr()).Addr()
		c.More = domainConfig
		p := harness.LaunchLinked(t, c.Write(t, dir))
		alice := look(t, said.Through("alice", s.ClientAddr()).Addr(), "alice")
		id := profile.AvatarID(red)

		said.Step("alice asks what it is (XEP-0030)")
		if v := alice.do(`{"info":%q}`, domain); v.Name != "Events" || !slices.Contains(v.Features, "vcard-temp") || !slices.Contains(v.Features, "urn:ietf:params:xml:ns:vcard-4.0") {
			t.Errorf("%+v", v)
		}
		said.Step("its vCard (XEP-0054)")
		alice.is(alice.do(`{"vcard":%q}`, domain), "Events", id, "")
		said.Step("its vCard4 (XEP-0292), by IQ and as a node")
		alice.is(alice.do(`{"vcard4":%q}`, domain), "Events", "", "")
		alice.is(alice.do(`{"node":"urn:xmpp:vcard4","of":%q}`, domain), "Events", "", "")
		said.Step("its avatar (XEP-0084)")
		if v := alice.do(`{"avatar":%q}`, domain); v.Photo != id || v.ID != id || v.Type != "image/png" || v.Length != len(red) {
			t.Errorf("%+v", v)
		}
		sees := func(show, status string) {
			t.Helper()
			if v := alice.do(`{"presence":"","from":%q}`, domain); v.Show != show || v.Status != status || v.Name != "Events" || v.Photo != id {
				t.Errorf("the presence is %+v, and not %s %s", v, show, status)
			}
		}
		said.Step("she subscribes to it")
		alice.do(`{"subscribe":%q}`, domain)
		sees("", "Ready")

		set := func(until time.Time, status int, says string) {
			t.Helper()
			r := said.CallBy(p, "token-admin", "PUT", path, harness.AsJSON, fmt.Sprintf(`{"show":"dnd","status":"Deploying","until":%q}`, until.UTC().Format(time.RFC3339Nano)))
			if r.Status != status || !strings.Contains(r.Body, says) {
				t.Errorf("%d %s, and not %d %s", r.Status, r.Body, status, says)
			}
		}
		said.Step("a presence until a time that is over")
		set(time.Now().Add(-time.Second), 400, "until: is in the past")
		// In one step, as the end comes by itself.
		said.Step("a presence until a time, and its end")
		set(time.Now().Add(10*time.Second), 200, `"show":"dnd"`)
		sees("dnd", "Deploying")
		sees("", "Ready")
		said.Step("what the API says after it")
		if r := said.CallBy(p, "token-admin", "GET", "/v1/bots/"+domain, "", ""); r.Status != 200 || !strings.Contains(r.Body, `"presence":{"show":"","status":"Ready","until":null}`) {
			t.Error(r)
		}
		said.Compare("faces-domain", kind, *update)
	})
}
