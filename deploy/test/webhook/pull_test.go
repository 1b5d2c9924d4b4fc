//go:build integration

package webhook

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// forPulling runs a test on both servers with a component of the name pull. One
// endpoint is pulled, another has a URL.
func forPulling(t *testing.T, test func(t *testing.T, s *lab.Server, file string)) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.ServerOptions(kind, "pull"))
		file := filepath.Join(t.TempDir(), "stanzahook.yaml")
		text, err := os.ReadFile("testdata/pull.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "SERVER", s.ComponentAddr())), 0o600); err != nil {
			t.Fatal(err)
		}
		test(t, s, file)
	})
}

// A bot that pulls is killed, and so is the program: nothing is lost, and all of
// it comes in order; what comes again has the same id.
func TestPulledEventsSurvive(t *testing.T) {
	forPulling(t, func(t *testing.T, s *lab.Server, file string) {
		const each = 150
		p := harness.LaunchLinked(t, file)
		users := []harness.User{harness.Login(t, s, "dave"), harness.Login(t, s, "erin")}
		for i := range each {
			for _, u := range users {
				u.Send("%s", harness.NumberedMessage("bot@pull.localhost", i))
			}
		}
		p.AwaitStored("bot", 2*each)
		b := harness.NewPuller(t)
		for _, until := range []int{30, 75, 130, 131, 290} {
			b.Run(p, until)
			p.Kill()
			p = harness.LaunchFile(t, file)
		}
		p.AwaitLinks(1)
		b.Run(p, 295)
		b.Run(p, 2*each)
		for _, u := range users {
			if n := len(b.Got[u.JID()]); n != each {
				t.Errorf("%s: %d of %d messages came", u.JID(), n, each)
			}
			harness.AwaitEchoes(u, each)
		}
		t.Logf("%d events came again", b.Twin)
		page, ok := b.Ask(p, "", 1000)
		if !ok {
			t.Fatal("no answer")
		}
		if _, ok := b.Ask(p, page.Cursor, 1); !ok {
			t.Fatal("no answer")
		}
		awaitQueued(t, p, 0)
		p.StopWell()
	})
}

// awaitQueued waits until so many events wait.
func awaitQueued(t *testing.T, p *harness.Program, n int) {
	t.Helper()
	harness.Eventually(t, fmt.Sprintf("%d events wait", n), func() bool { return p.Queued("bot") == n })
}

// The whole of a stream: events as they come, receipts when they are
// acknowledged, one reader, and the end of the program while one reads.
func TestPulledStream(t *testing.T) {
	forPulling(t, func(t *testing.T, s *lab.Server, file string) {
		p := harness.LaunchLinked(t, file)
		u := harness.Login(t, s, "frank")
		first := harness.OpenStream(t, p, "")
		ask := func(i int) {
			u.Send("<message to='bot@pull.localhost' type='chat' id='r%d'><body>%d</body><request xmlns='urn:xmpp:receipts'/></message>", i, i)
		}
		receipt := func(i int) {
			u.Await(fmt.Sprintf("receipt %d", i), func(r lab.Received) bool {
				return strings.Contains(r.Inner, "urn:xmpp:receipts") && strings.Contains(r.Inner, fmt.Sprintf("r%d", i))
			})
		}
		ask(1)
		one := first.Next()
		ask(2)
		two := first.Next()
		if !strings.Contains(one["data"], `"body":"1"`) || !strings.Contains(two["data"], `"body":"2"`) || one["id"] == two["id"] {
			t.Fatalf("%v, %v", one, two)
		}
		awaitQueued(t, p, 2)
		second := harness.OpenStream(t, p, one["id"])
		receipt(1)
		if end := first.Next(); end["event"] != "end" || !strings.Contains(end["data"], `"replaced"`) || end["id"] != "" {
			t.Errorf("the older stream ends with %v", end)
		}
		if again := second.Next(); again["data"] != two["data"] || again["id"] != two["id"] {
			t.Errorf("%v and not %v", again, two)
		}
		if r, err := p.Call("POST", "/v1/endpoints/bot/events/ack", "token-pull", harness.AsJSON, `{"cursor":"`+two["id"]+`"}`); err != nil || r.Status != 204 {
			t.Errorf("%v %v", r, err)
		}
		receipt(2)
		awaitQueued(t, p, 0)
		for path, status := range map[string]int{"/v1/endpoints/hook/events": 409, "/v1/endpoints/none/events": 404, "/v1/endpoints/bot/events?cursor=x": 400} {
			if r, err := p.Call("GET", path, "token-pull", "", ""); err != nil || r.Status != status {
				t.Errorf("%s: %v %v", path, r, err)
			}
		}
		p.StopWell()
		if end := second.Next(); !strings.Contains(end["data"], `"stopping"`) {
			t.Errorf("the stream ends with %v", end)
		}
		if strings.Contains(p.Log.String(), "HTTP requests aborted") {
			t.Error("the stream held up the end")
		}
	})
}
