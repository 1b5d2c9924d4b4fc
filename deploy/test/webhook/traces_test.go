//go:build integration

package webhook

import (
	"fmt"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/collector"
	"stanzahook/deploy/lab/harness"
)

// Where every message is traced, its trace is whole: one span from the stanza until the server has the
// reply, with the one attempt in it, whose request the bot has got in that trace.
func TestTracesOnServers(t *testing.T) {
	const people, each = 5, 40
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		spans, bot := collector.New(t), harness.NewBot(t)
		file := harness.WriteConfig(t, t.TempDir(), fmt.Sprintf("components: [{domain: traces.localhost, server: %q, secret: %q}]\nendpoints: [{name: echo, url: %q}]\nhttp: {listen: \"127.0.0.1:0\"}\ntraces: {endpoint: %q}\nstore: {dir: %q}\n",
			s.ComponentAddr(), harness.Secret, bot.URL(), spans.URL, t.TempDir()))
		p := harness.LaunchLinked(t, file)
		alice := harness.Login(t, s, "alice")
		for i := range people * each {
			alice.Send("<message to='b%d@traces.localhost' type='chat' id='m%d'><body>m%d</body></message>", i%people, i, i)
		}
		replies := make(map[string]bool)
		for len(replies) < people*each {
			r := alice.Await("replies", func(r lab.Received) bool { return r.Kind == "message" })
			if r.Type == "error" || r.Body == "" {
				t.Fatalf("%+v", r)
			}
			replies[r.Body] = true
		}
		p.StopWell()
		all := spans.AwaitSpans(2 * people * each)
		roots, attempts := make(map[string]collector.Span), make(map[string]collector.Span)
		for _, x := range all {
			switch {
			case x.Parent == "" && x.Text["stanzahook.state"] == "delivered" && x.Failed == "":
				roots[x.ID] = x
			case x.Name == "attempt":
				attempts[x.Parent] = x
			default:
				t.Errorf("%+v", x)
			}
		}
		parents := make(map[string]int)
		for _, h := range bot.Got() {
			parents[h.Header.Get("Traceparent")]++
		}
		for id, root := range roots {
			a, ok := attempts[id]
			if !ok || a.Trace != root.Trace || a.Start.Before(root.Start) || root.End.Before(a.End) || parents["00-"+a.Trace+"-"+a.ID+"-01"] != 1 {
				t.Errorf("%+v\n%+v", root, a)
			}
			if !replies[root.Text["messaging.message.id"]] {
				t.Errorf("no message has the id of %+v", root)
			}
			delete(replies, root.Text["messaging.message.id"])
		}
		if len(roots) != people*each || len(all) != 2*people*each || len(replies) > 0 {
			t.Errorf("%d traces of %d spans; without one: %v", len(roots), len(all), replies)
		}
	})
}
