//go:build integration

package webhook

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// bunches is a bot that takes events in arrays, and keeps the texts of each request.
type bunches struct {
	mu     sync.Mutex
	asked  [][]string
	answer func(request int, texts []string) []any // called under mu
}

func (b *bunches) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var events []struct{ Data struct{ Body string } }
	if err := json.NewDecoder(r.Body).Decode(&events); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var texts []string
	for _, ev := range events {
		texts = append(texts, ev.Data.Body)
	}
	b.mu.Lock()
	b.asked = append(b.asked, texts)
	answers := b.answer(len(b.asked), texts)
	b.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answers)
}

func echoed(texts []string) (all []any) {
	for _, text := range texts {
		all = append(all, text)
	}
	return all
}

// A user writes thirty messages while the bot is busy; they come in few requests. The bot
// refuses one and fails at another, and stanzahook is killed when the bot has
// answered, before the answers are sent. The user gets every answer, in order, and the
// error for what was refused.
func TestBatchKilled(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		const n = 30
		busy := make(chan struct{})
		var p *harness.Program
		b := &bunches{}
		failed := false
		b.answer = func(request int, texts []string) []any {
			answers := echoed(texts)
			switch request {
			case 1:
				<-busy
			case 2:
				p.Kill()
			}
			if i := slices.Index(texts, "7"); i >= 0 {
				answers[i] = map[string]int{"status": 422}
			}
			if i := slices.Index(texts, "12"); i >= 0 && request > 2 && !failed {
				failed = true
				answers[i] = map[string]int{"status": 500}
			}
			return answers
		}
		srv := httptest.NewServer(b)
		t.Cleanup(srv.Close)
		dir := t.TempDir()
		file := harness.WriteConfig(t, dir, fmt.Sprintf(`
components: [{domain: batch.localhost, server: %q, secret: %q}]
endpoints: [{name: echo, url: %q, batch: 10}]
http: {listen: "127.0.0.1:0", insecure_no_auth: true}
store: {dir: %q}
`, s.ComponentAddr(), harness.Secret, srv.URL, filepath.Join(dir, "store")))
		p = harness.LaunchFile(t, file)
		p.AwaitLinks(1)
		u := harness.Login(t, s, "trent")
		for i := range n {
			u.Send("<message to='echo@batch.localhost' type='chat' id='m%d'><body>%d</body></message>", i, i)
		}
		harness.Eventually(t, "all are stored", func() bool {
			r, err := p.Call("GET", "/v1/endpoints/echo", "", "", "")
			var e struct{ Queued, Bytes int }
			return err == nil && json.Unmarshal([]byte(r.Body), &e) == nil && e.Queued == n
		})
		close(busy)
		harness.Eventually(t, "the kill", func() bool {
			b.mu.Lock()
			defer b.mu.Unlock()
			return len(b.asked) >= 2
		})
		harness.LaunchFile(t, file).AwaitLinks(1)
		next := 0
		for next < n {
			r := u.Await(fmt.Sprint("the answer to ", next), func(r lab.Received) bool { return r.Kind == "message" })
			switch {
			case r.Type == "error" && r.ID == "m7" && next >= 7: // perhaps again
				next = max(next, 8)
			case r.Body == fmt.Sprint(next):
				next++
			default:
				var got int
				if _, err := fmt.Sscan(r.Body, &got); err != nil || got > next {
					t.Fatalf("%+v came when %d was due", r, next)
				}
			}
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		most := 0
		for _, texts := range b.asked {
			most = max(most, len(texts))
		}
		if most != 10 || len(b.asked) > 12 {
			t.Errorf("%d requests, the largest with %d events: %q", len(b.asked), most, b.asked)
		}
	})
}
