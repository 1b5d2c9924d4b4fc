//go:build integration

package http

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// The tables of TestBadInput on real servers: what callers and webhooks do
// wrong is answered as it is there, and a conversation goes on meanwhile.
func TestBadInputOnServers(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		b := harness.NewBot(t)
		c := harness.OneComponent(s, "table", b)
		p := harness.LaunchConnected(t, c)
		ivan, judy := harness.Login(t, s, "ivan"), harness.Login(t, s, "judy")
		var mu sync.Mutex
		status, contentType, body := 204, "", ""
		b.AnswerWith(func(h *harness.Hook) (int, string, string) {
			if strings.HasPrefix(h.To, "steady@") {
				return harness.EchoAnswer(h)
			}
			mu.Lock()
			defer mu.Unlock()
			return status, contentType, body
		})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		rounds := 0
		wg.Go(func() {
			for ; ctx.Err() == nil; rounds++ {
				if err := judy.SendRaw(harness.NumberedMessage("steady@table.localhost", rounds)); err != nil {
					t.Error(err)
					return
				}
				r, err := judy.Next(t.Context(), func(r lab.Received) bool { return r.Kind == "message" && r.Type == "chat" })
				if err != nil || r.Body != fmt.Sprint(rounds) {
					t.Errorf("round %d of the conversation: %+v %v", rounds, r, err)
					return
				}
			}
		})
		local := strings.NewReplacer("bot.example.com", "table.localhost", "@example.com", "@localhost", "'example.com'", "'localhost'")
		for _, tc := range harness.BadRequests {
			r, err := p.Call("POST", "/rest", "token-all", tc.ContentType, local.Replace(tc.Body))
			if strings.Contains(tc.Want, "admin") && err == nil && r.Status == 202 {
				t.Fatalf("request %q: taken", tc.Name)
			}
			if err != nil || r.Status != tc.Status || !strings.Contains(harness.PlainText(r.Body), tc.Want) {
				t.Errorf("request %q: %d %s %v, want %d %q", tc.Name, r.Status, r.Body, err, tc.Status, tc.Want)
			}
		}
		for i, tc := range harness.BadAnswers {
			mu.Lock()
			status, contentType, body = tc.Status, tc.ContentType, tc.Body
			mu.Unlock()
			id := fmt.Sprint("bad-", i)
			ivan.Send("<message type='chat' id='%s' to='bot@table.localhost'><body>x</body></message>", id)
			r := ivan.Await("the error for answer "+tc.Name, func(r lab.Received) bool { return r.ID == id })
			if r.Type != "error" || r.Error != string(tc.Want) {
				t.Errorf("answer %q: %+v, want %s", tc.Name, r, tc.Want)
			}
		}
		// The next best that is right, on the same connection.
		for i, right := range []string{
			"\n<message to='ivan@localhost' type='chat'><body>%d</body><a xmlns='x:' b=\"'&gt;\"><![CDATA[<&]]></a></message>\n",
			"<message to='ivan@localhost' type='chat'><body>%d</body>" + strings.Repeat("<a>", 50) + strings.Repeat("</a>", 50) + "</message>",
			"<message to='ivan@localhost' type='chat'><body>%d</body><a>" + strings.Repeat("x", 150_000) + "</a></message>",
		} {
			if r := p.Post(harness.AsXML, fmt.Sprintf(right, i)); r.Status != 202 {
				t.Errorf("%.80s: %d %s", right, r.Status, r.Body)
				continue
			}
			if m := ivan.Await(right[:60], func(r lab.Received) bool { return r.Kind == "message" }); m.Body != fmt.Sprint(i) {
				t.Errorf("%.80s: the client got %.300s", right, m.Inner)
			}
		}
		cancel()
		wg.Wait()
		if n := p.Connects(); n != 1 {
			t.Errorf("%d connections, want 1", n)
		}
		t.Logf("%d bad inputs, %d rounds of the conversation meanwhile", len(harness.BadRequests)+len(harness.BadAnswers), rounds)
	})
}
