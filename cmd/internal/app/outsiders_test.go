package app

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"stanzahook/pkg/account/accounttest"
	"stanzahook/pkg/stanza"
)

// What somebody without any right sends as often as it likes is a line or two in the log.
func TestOutsidersDoNotFillTheLog(t *testing.T) {
	bot := newWeb(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case strings.Contains(string(body), "refuse me"):
			w.WriteHeader(http.StatusUnprocessableEntity)
		case strings.Contains(string(body), "break it"):
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	srv := newServer(t)
	core, logs := observer.New(zap.InfoLevel)
	certFile, keyFile, _ := accounttest.WriteCertificate(t, "localhost", t.TempDir())
	a := start(t, srv, zap.New(core), fmt.Sprintf("components: [{domain: bot.example.com, server: %q, secret: %s, max_stanza_bytes: 20000}]\n", srv.Addr(), testSecret), fmt.Sprintf(`
endpoints:
  - {name: direct, url: %q, match: {to: "direct@bot.example.com"}, delivery: direct}
  - {name: queued, url: %[1]q, match: {to: "queued@bot.example.com"}, retry: {schedule: [1ms], max_age: 1s}}
http: {listen: "127.0.0.1:0", tls: {cert_file: %[2]q, key_file: %[3]q}}
`, bot.URL, certFile, keyFile))
	const times = 50
	message := func(to, from, id, content string) string {
		return fmt.Sprintf("<message type='chat' id='%s' from='%s' to='%s' xml:lang='en'>%s</message>", id, from, to, content)
	}
	const privilege = "<privilege xmlns='urn:xmpp:privilege:2'><perm access='message' type='outgoing'/></privilege>"
	for i := range times {
		user, id := fmt.Sprintf("u%d@example.com/r", i), fmt.Sprint("m", i)
		srv.Send(strings.Join([]string{
			message("bot.example.com", "s2s.example.org", id, privilege),
			message("direct@bot.example.com", user, id, privilege),
			message("direct@bot.example.com", user, id, "<!-- a comment -->"),
			message("direct@bot.example.com", user, id, "<body>"+strings.Repeat("x", 20_000)+"</body>"),
			"<unknown xmlns='urn:x'/>",
			"<iq type='nonsense' id='" + id + "' from='" + user + "' to='bot.example.com'/>",
			"<presence type='subscribe' from='" + user + "' to='direct@bot.example.com'/>",
			message("direct@bot.example.com", user, "refused-"+id, "<body>refuse me</body>"),
			message("direct@bot.example.com", user, "broken-"+id, "<body>break it</body>"),
			message("direct@bot.example.com", user, "good-"+id, "<body>take it</body>"),
			message("queued@bot.example.com", user, "dead-"+id, "<body>refuse me</body>"),
		}, ""))
		srv.Expect("an error for "+id, func(s *stanza.Stanza) bool { return s.ID == "dead-"+id })
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // #nosec G402 -- who attacks does not look
	defer client.CloseIdleConnections()
	for range times {
		for _, path := range []string{"/rest", "/v1/status", "/msg/juliet", "/nothing", "/openapi.json"} {
			r, err := http.NewRequestWithContext(t.Context(), "POST", "https://"+a.Addr+path, strings.NewReader("{}"))
			require.NoError(t, err)
			if path != "/rest" {
				r.SetBasicAuth("juliet@example.com", "wrong")
			}
			resp, err := client.Do(r)
			require.NoError(t, err)
			if resp.StatusCode < 400 {
				t.Errorf("%s: %s", path, resp.Status)
			}
			_ = resp.Body.Close()
		}
		if resp, err := http.Get("http://" + a.Addr + "/"); err == nil { // not TLS
			_ = resp.Body.Close()
		}
	}

	count := map[string]int{}
	for _, e := range logs.All() {
		what := e.Message
		if what == "request" { // each route and status on its own
			what += fmt.Sprint(e.ContextMap()["route"], e.ContextMap()["status"])
		}
		if count[what]++; count[what] > 4 {
			continue
		}
		t.Log(e.Level, e.Message, e.ContextMap())
	}
	for what, n := range count {
		if n > times/10 {
			t.Errorf("%d times: %s", n, what)
		}
	}
	for _, reason := range []string{"the sender is not a server", "the domain is neither the parent of the component nor the host of a roster"} {
		if logs.FilterMessage("privilege advertisement ignored").FilterField(zap.String("reason", reason)).Len() == 0 {
			t.Errorf("nothing is said of a privilege advertisement: %s", reason)
		}
	}
	for _, must := range []string{"malformed stanza refused", "large stanza refused", "HTTP connection failed"} {
		if logs.FilterMessageSnippet(must).Len() == 0 {
			t.Errorf("nothing is said of: %s", must)
		}
	}
}
