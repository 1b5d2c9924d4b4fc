package app

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/component/componenttest"
	"stanzahook/pkg/stanza"
)

// A flood for a bot that hangs: what the queue does not take is bounced, the
// reader goes on, and what was taken is answered when the bot is back.
func TestFlood(t *testing.T) {
	hang := make(chan struct{})
	bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-hang
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, "taken")
	}))
	defer bot.Close()
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	a := startTestApp(t, srv, bot.URL)
	const taken, over = 10_000, 500
	for i := range taken + over {
		srv.Send(fmt.Sprintf("<message type='chat' id='%d' from='u@example.com/r' to='echo@bot.example.com'><body>x</body></message>", i))
		if i%500 == 0 { // the reader answers in between
			id := fmt.Sprint("ping-", i)
			srv.Send("<iq type='get' id='" + id + "' from='u@example.com/r' to='bot.example.com'><ping xmlns='urn:xmpp:ping'/></iq>")
			srv.ExpectID(id)
		}
	}
	for i := taken; i < taken+over; i++ {
		e, _ := srv.Expect("a bounce", func(s *stanza.Stanza) bool { return s.Type == "error" }).StanzaError()
		if e.Type != stanza.Wait || e.Condition != stanza.ResourceConstraint {
			t.Fatalf("bounce %d: %v", i, e)
		}
	}
	close(hang)
	for range taken {
		srv.Expect("an answer", func(s *stanza.Stanza) bool { return s.Type == "chat" })
	}
	for _, s := range srv.Received() {
		if s.Kind != stanza.IQ || s.Type != "get" { // after a minute the server is asked for its features
			t.Fatalf("also sent: %s", s.XML())
		}
	}
	if n := a.links["bot.example.com"].Counters.Reconnects.Load(); n != 0 {
		t.Errorf("%d reconnects", n)
	}
}

// At the end subscribers are told, and the stream is closed as it should be.
func TestShutdown(t *testing.T) {
	bot := httptest.NewServer(http.NotFoundHandler())
	defer bot.Close()
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	a := startTestApp(t, srv, bot.URL)
	srv.Send("<presence type='subscribe' from='u@example.com' to='echo@bot.example.com'/>")
	srv.Expect("availability", func(s *stanza.Stanza) bool { return s.Kind == stanza.Presence && s.Type == "" })
	a.Stop()
	srv.Expect("unavailability", func(s *stanza.Stanza) bool {
		return s.Type == "unavailable" && s.From.String() == "echo@bot.example.com/default" && s.To.String() == "u@example.com"
	})
	srv.ExpectGoodbye()
}

func startTestApp(t *testing.T, srv *componenttest.Server, url string) *App {
	t.Helper()
	cfg, err := config.Parse("test.yaml", fmt.Appendf(nil, strings.TrimSpace(`
components: [{domain: bot.example.com, server: %q, secret: secret}]
endpoints: [{name: bot, url: %q, timeout: 60s}]
http: {listen: "127.0.0.1:0", insecure_no_auth: true}
store: {dir: %q}
`), srv.Addr(), url, t.TempDir()), nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := Start(t.Context(), cfg, zap.NewNop(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Stop)
	if err := a.links["bot.example.com"].WaitConnected(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a
}
