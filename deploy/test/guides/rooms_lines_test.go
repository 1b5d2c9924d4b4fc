//go:build integration

package guides

import (
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// The lines of the guide about rooms are run, in their order, in a room that somebody has
// made.
func TestRoomsLines(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		o := guideOptions(kind)
		o.Edit = func(config []byte) ([]byte, error) {
			if kind == lab.Prosody {
				return append(config, "\nComponent \"rooms.example.com\" \"muc\"\n"...), nil
			}
			return harness.AddYAML(config, map[string]any{"modules": map[string]any{"mod_muc": map[string]any{"host": "rooms.example.com"}}})
		}
		s := harness.StartServer(t, o)
		u := harness.Login(t, s, "juliet")
		u.Send("<presence to='ops@rooms.example.com/juliet'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
		u.Await("her own presence in the room", func(r lab.Received) bool { return r.Kind == "presence" && strings.Contains(r.Inner, "110") })
		u.Send("<iq type='set' id='open' to='ops@rooms.example.com'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>")
		u.Await("the room is open", func(r lab.Received) bool { return r.Kind == "iq" && r.ID == "open" && r.Type == "result" })
		d := serveGuide(t, s, "")
		lines := harness.CodeBlocks(harness.Page(t, "examples/guide/rooms.md"), "sh")
		if len(lines) != 2 {
			t.Fatalf("%d blocks of lines", len(lines))
		}
		for i, want := range []string{`"state":"joined"`, `"state":"echoed"`} {
			d.shows(strings.ReplaceAll(lines[i], " \\\n", " "), want)
		}
		u.Await("what the bot says", func(r lab.Received) bool { return r.Type == "groupchat" && r.Body == "Deployed." })
	})
}
