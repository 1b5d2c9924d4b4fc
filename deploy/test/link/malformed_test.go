//go:build integration

package link

import (
	"fmt"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// A stanza from the server that is too large or too deep is answered with an
// error; the stream and what follows are not harmed.
func TestLargeFromClient(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		b := harness.NewBot(t)
		c := harness.OneComponent(s, "large", b)
		c.Components[0].MaxStanzaBytes = 20000
		p := harness.LaunchConnected(t, c)
		trent := harness.Login(t, s, "trent")
		for i, inner := range []string{
			"<body>" + strings.Repeat("x", 30_000) + "</body>",
			"<body>" + strings.Repeat("x", 200_000) + "</body>",
			"<body>deep</body>" + strings.Repeat("<a xmlns='urn:example:a'>", 100) + strings.Repeat("</a>", 100),
		} {
			id := fmt.Sprintf("large-%d", i)
			trent.Send("<message to='echo@large.localhost' type='chat' id='%s'>%s</message>", id, inner)
			trent.Echo("echo@large.localhost", fmt.Sprintf("after %d", i))
			r := trent.Await("the error", func(r lab.Received) bool { return r.Kind == "message" })
			if r.Type != "error" || r.ID != id || r.Error != "not-acceptable" || r.From != "echo@large.localhost" {
				t.Errorf("%.60s: the client got %+v", inner, r)
			}
		}
		trent.Send("<iq to='large.localhost' type='get' id='iq'><query xmlns='jabber:iq:version'><a>%s</a></query></iq>", strings.Repeat("x", 30_000))
		if r := trent.Await("the error of the iq", func(r lab.Received) bool { return r.Kind == "iq" }); r.Type != "error" || r.Error != "not-acceptable" || r.ID != "iq" {
			t.Errorf("a large iq: %+v", r)
		}
		if n := len(b.Got()); n != 3 {
			t.Errorf("the bot got %d messages", n)
		}
		if n := p.Connects(); n != 1 {
			t.Errorf("%d connections, want one", n)
		}
	})
}
