package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/component/componenttest"
	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/stanza"
)

// Bad input of all kinds, each with the answer it gets, while a conversation in
// the background goes on without a gap.
func TestBadInput(t *testing.T) {
	var answer struct {
		sync.Mutex
		status            int
		contentType, body string
	}
	bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var event struct {
			Data struct{ To, Body string }
		}
		if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
			t.Error(err)
		}
		answer.Lock()
		defer answer.Unlock()
		status, contentType, body := answer.status, answer.contentType, answer.body
		if strings.HasPrefix(event.Data.To, "steady@") {
			status, contentType, body = 200, "text/plain", event.Data.Body
		}
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	defer bot.Close()
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	cfg, err := config.Parse("test.yaml", fmt.Appendf(nil, `
components: [{domain: bot.example.com, server: %q, secret: secret}]
endpoints: [{name: bot, url: %q}]
http: {listen: "127.0.0.1:0", tokens: [{name: t, hash: "sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b", scopes: [send, query]}]}
store: {dir: %q}
`, srv.Addr(), bot.URL, t.TempDir()), nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := Start(t.Context(), cfg, zap.NewNop(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Stop()
	link := a.links["bot.example.com"]
	if err := link.WaitConnected(t.Context()); err != nil {
		t.Fatal(err)
	}

	// the conversation in the background: one message after the other
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var rounds atomic.Int64
	wg.Go(func() {
		for ; ctx.Err() == nil; rounds.Add(1) {
			body := fmt.Sprintf("round %d", rounds.Load())
			if err := srv.TrySend("<message type='chat' id='" + body + "' from='steady@example.com/r' to='steady@bot.example.com'><body>" + body + "</body></message>"); err != nil {
				t.Errorf("%s: %v", body, err)
				return
			}
			reply := srv.Expect(body, func(s *stanza.Stanza) bool { return s.To.Local() == "steady" })
			if got, _ := reply.Body(); got != body {
				t.Errorf("the conversation in the background got %q, want %q", got, body)
				return
			}
		}
	})

	for _, tc := range harness.BadRequests {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+a.Addr+"/rest", strings.NewReader(tc.Body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer secret")
		if tc.ContentType != "" {
			req.Header.Set("Content-Type", tc.ContentType)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Errorf("request %q: %v", tc.Name, err)
			continue
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		text := harness.PlainText(string(body))
		if err != nil || resp.StatusCode != tc.Status || !strings.Contains(text, tc.Want) {
			t.Errorf("request %q: %d %s %v, want %d %q", tc.Name, resp.StatusCode, body, err, tc.Status, tc.Want)
		}
	}

	addresses := func(id string) string { return "id='" + id + "' from='u@example.com/r' to='bot.example.com'" }
	expect := func(what, id string, want stanza.Condition) {
		t.Helper()
		if e, _ := srv.ExpectID(id).StanzaError(); e == nil || e.Condition != want {
			t.Errorf("%s: %v, want %s", what, e, want)
		}
	}
	for i, tc := range harness.BadAnswers {
		answer.Lock()
		answer.status, answer.contentType, answer.body = tc.Status, tc.ContentType, tc.Body
		answer.Unlock()
		id := fmt.Sprint("answer", i)
		srv.Send("<message type='chat' " + addresses(id) + "><body>x</body></message>")
		expect("answer "+tc.Name, id, tc.Want)
	}
	answer.Lock()
	answer.status, answer.contentType, answer.body = 204, "", ""
	answer.Unlock()

	for i, tc := range harness.BadStanzas {
		id := fmt.Sprint("stanza", i)
		srv.Send(fmt.Sprintf(tc.XML, addresses(id)))
		if tc.Want != "" {
			expect("stanza "+tc.Name, id, tc.Want)
		}
	}

	// The conversation goes on behind all of it, and ended in no round before.
	srv.Send("<iq type='get' id='behind' from='u@example.com/r' to='bot.example.com'><ping xmlns='urn:xmpp:ping'/></iq>")
	srv.ExpectID("behind")
	cancel()
	wg.Wait()
	if n := rounds.Load(); n < 20 {
		t.Errorf("the conversation in the background made only %d rounds", n)
	}
	if n := link.Counters.Reconnects.Load(); n != 0 {
		t.Errorf("%d reconnects", n)
	}
	for _, s := range srv.Received() {
		if s.Kind != stanza.IQ || s.Type != "get" { // after a minute the server is asked for its features
			t.Errorf("also sent: %s", s.XML())
		}
	}
	if bad := srv.Bad(); len(bad) > 0 {
		t.Errorf("the server got %q", bad)
	}
	t.Logf("%d bad inputs, %d rounds of the conversation meanwhile", len(harness.BadRequests)+len(harness.BadAnswers)+len(harness.BadStanzas), rounds.Load())
}
