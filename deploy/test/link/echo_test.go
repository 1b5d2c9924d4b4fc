//go:build integration

package link

import (
	"encoding/xml"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// echoConfig has a component for each format: event is queued, component-http
// is direct.
func echoConfig(s *lab.Server, b *harness.Bot) harness.Config {
	c := harness.OneComponent(s, "event", b)
	c.Components = append(c.Components, harness.Component{Domain: "direct.localhost", Server: s.ComponentAddr(), Secret: harness.Secret})
	c.Endpoints = append(c.Endpoints, harness.Endpoint{Name: "module", URL: b.URL(), Component: "direct.localhost", Format: "component-http"})
	return c
}

func TestEcho(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		b := harness.NewBot(t)
		harness.LaunchConnected(t, echoConfig(s, b))
		alice := harness.Login(t, s, "alice")
		for i, domain := range []string{"event.localhost", "direct.localhost"} {
			to := "echo@" + domain
			alice.Send("<message to='%s' type='chat' id='m-1'><body>hällo &lt;wörld&gt; &amp; 'you'</body><thread>t-1</thread></message>", to)
			r := alice.Await("the echo of "+domain, func(r lab.Received) bool { return r.Kind == "message" })
			hooks := b.Got()
			if len(hooks) != i+1 {
				t.Fatalf("the bot got %d requests", len(hooks))
			}
			h := hooks[i]
			if r.From != to || r.To != alice.JID() || r.Type != "chat" || r.Body != "hällo <wörld> & 'you'" || r.ID != h.ID+"-1" {
				t.Errorf("%s: the client got %+v", domain, r)
			}
			checkHook(t, h, alice.JID(), to, i == 0)
			if i == 0 && !strings.Contains(r.Inner, ">t-1</thread>") {
				t.Errorf("the echo is not in the thread: %s", r.Inner)
			}
		}
	})
}

// checkHook checks what the bot was told of the message of TestEcho.
func checkHook(t *testing.T, h harness.Hook, from, to string, event bool) {
	t.Helper()
	if !strings.HasPrefix(h.ID, "evt_") || h.Header.Get("User-Agent") != "stanzahook/"+harness.Version(t) || h.Header.Get("Content-Type") != "application/json" {
		t.Errorf("headers: %v", h.Header)
	}
	sent, err := strconv.ParseInt(h.Header.Get("Webhook-Timestamp"), 10, 64)
	if err != nil || math.Abs(time.Since(time.Unix(sent, 0)).Seconds()) > 30 {
		t.Errorf("webhook-timestamp: %q", h.Header.Get("Webhook-Timestamp"))
	}
	if h.Kind != "message" || h.From != from || h.To != to || h.Body != "hällo <wörld> & 'you'" {
		t.Errorf("the bot got %s", h.Raw)
	}
	if event && (h.Event != "message.chat" || h.Component != "event.localhost" || h.Endpoint != "echo" ||
		h.Type != "chat" || h.Stanza != "m-1" || h.Thread != "t-1" || !strings.Contains(h.Raw, h.ID)) {
		t.Errorf("the event is %s", h.Raw)
	}
	var m struct {
		XMLName xml.Name
		ID      string `xml:"id,attr"`
	}
	if err := xml.Unmarshal([]byte(h.XML), &m); err != nil || m.XMLName.Local != "message" || m.ID != "m-1" {
		t.Errorf("stanza: %s (%v)", h.XML, err)
	}
}
