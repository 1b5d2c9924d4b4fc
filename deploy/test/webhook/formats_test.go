//go:build integration

package webhook

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook/behaviour"
)

// tableBot answers as the case says that is on, and checks what it gets.
type tableBot struct {
	t        *testing.T
	verifier *webhooks.Webhook
	mu       sync.Mutex
	answer   behaviour.Answer
	requests int
	copies   int
}

func (b *tableBot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err == nil && r.Method == http.MethodPost {
		err = b.verifier.Verify(body, r.Header)
	}
	if err != nil {
		b.t.Errorf("a request that the independent verifier refuses: %v", err)
	}
	b.mu.Lock()
	a := b.answer
	copied := r.URL.Path == "/copy"
	if copied {
		b.copies++
	} else if r.Method == http.MethodPost {
		b.requests++
	}
	b.mu.Unlock()
	if copied || r.Method != http.MethodPost {
		fmt.Fprint(w, "nobody hears this")
		return
	}
	w.Header()["Content-Type"] = nil // else it is guessed
	for name, values := range a.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.Status)
	_, _ = io.WriteString(w, a.Body) // the peer may be gone
}

// The behaviour tables hold on real servers too: a sample of each, by a user
// who writes to a bot of that format. All requests are signed, and a copy of
// every message goes to an endpoint whose answers nobody sees.
func TestFormatsOnServers(t *testing.T) {
	verifier, err := webhooks.NewWebhook(harness.SigningSecret)
	if err != nil {
		t.Fatal(err)
	}
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		b := &tableBot{t: t, verifier: verifier}
		srv := httptest.NewServer(b)
		t.Cleanup(srv.Close)
		dir := t.TempDir()
		formats := []string{"event", "rest-json", "rest-xml", "component-http"}
		const all = ", encrypted: forward, events: [message, correction, reaction, retraction, marker, receipt, typing, invite, encrypted]"
		endpoints := fmt.Sprintf("  - {name: audit, url: %q, copy: true, stanzas: [message], signing_secrets: [%s]%s}\n", srv.URL+"/copy", harness.SigningSecret, all)
		for _, f := range formats {
			events := ""
			if f == "event" {
				events = all
			}
			endpoints += fmt.Sprintf("  - {name: %s, url: %q, format: %s, stanzas: [message, presence, iq], match: {to: %q}, signing_secrets: [%s]%s}\n",
				f, srv.URL+"/"+f, f, f+"@format.localhost", harness.SigningSecret, events)
		}
		file := harness.WriteConfig(t, dir, fmt.Sprintf(`
components: [{domain: format.localhost, server: %q, secret: %q, presence: forward}]
endpoints:
%s
http: {listen: "127.0.0.1:0"}
store: {dir: %q}
`, s.ComponentAddr(), harness.Secret, endpoints, filepath.Join(dir, "store")))
		harness.LaunchLinked(t, file)
		u := harness.Login(t, s, "grace")
		cases, messages := 0, 0 // each case ends with a message of its own
		for _, f := range formats {
			table, err := behaviour.Load(os.DirFS("../../../pkg/webhook/testdata/behaviour"), f)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for i, c := range table.Cases {
				if c.Answer.None || c.Queued.Again || len(c.Answer.Body) > 1000 || strings.Contains(c.Answer.Body, "\n") || i%4 != 0 || strings.Contains(c.Received, "type='error'") || strings.Contains(c.Received, "type='groupchat'") || strings.Contains(c.Received, "urn:stanzahook") || strings.Contains(c.Received, "subscri") {
					continue
				}
				back := c.Direct
				if f == "event" && !strings.HasPrefix(c.Received, "<iq") {
					back = c.Queued
				}
				n++
				cases++
				if strings.HasPrefix(c.Received, "<message") {
					messages++
				}
				t.Run(f+"/"+c.Title, func(t *testing.T) { b.play(t, u, f, c, back) })
			}
			if n < 8 {
				t.Errorf("%s: only %d cases", f, n)
			}
		}
		harness.Eventually(t, "a copy of each message", func() bool {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.copies == cases+messages
		})
	})
}

var eventID = regexp.MustCompile(`evt_[0-9A-Z]{26}`)

// play sends what a case received and compares what comes back.
func (b *tableBot) play(t *testing.T, u harness.User, format string, c behaviour.Case, back behaviour.Back) {
	localize := strings.NewReplacer("echo@bot.example.com", format+"@format.localhost", "bot.example.com", "format.localhost", "u@example.com/r", "grace@localhost/test", "u@example.com", "grace@localhost")
	b.mu.Lock()
	b.answer = c.Answer
	b.answer.Body = localize.Replace(c.Answer.Body)
	before := b.requests
	b.mu.Unlock()
	u.Send("%s", localize.Replace(c.Received))
	harness.Eventually(t, "the request", func() bool { b.mu.Lock(); defer b.mu.Unlock(); return b.requests > before })
	fromBot := func(r lab.Received) bool {
		return strings.HasSuffix(r.From, "format.localhost") || strings.Contains(r.From, "@format.localhost")
	}
	for _, xml := range back.Stanzas {
		want := stanza.Must(stanza.Parse(localize.Replace(xml), stanza.Limits{}))
		got := u.Await(want.XML(), fromBot)
		body, _ := want.Body()
		condition := ""
		if e, ok := want.StanzaError(); ok {
			condition = string(e.Condition)
		}
		if got.Kind != want.Kind.String() || got.Type != want.Type || eventID.ReplaceAllString(got.ID, "evt_1") != want.ID && want.ID != "" || got.From != want.From.String() ||
			got.Body != body && condition == "" || got.Error != condition {
			t.Fatalf("got %+v\nwant %s", got, want.XML())
		}
	}
	// nothing else comes: the next thing is the answer to this
	b.mu.Lock()
	b.answer = behaviour.Answer{Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: `{"body":"that was all"}`}
	b.mu.Unlock()
	u.Send("<message type='chat' id='end' to='%s@format.localhost'><body>end</body></message>", format)
	if got := u.Await("the end", fromBot); got.Body != "that was all" {
		t.Fatalf("besides came %+v", got)
	}
}
