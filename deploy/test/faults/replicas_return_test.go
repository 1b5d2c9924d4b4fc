//go:build integration

package faults

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/natsserver"
)

// What is neither stored nor delivered goes back to its sender while the connection lives: when the
// active replica is cut off from NATS, and makes way for another one; and, with STANZAHOOK_FAULTS=full,
// when a process is stopped that has no NATS.
func TestFaultsReplicasReturn(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		n := natsserver.Start(t, natsserver.Options{})
		s := harness.StartServer(t, kickOld(harness.ServerOptions(kind, "return")))
		b := harness.NewBot(t)
		g := startGroup(t, n, func(g *group, name string) string {
			c := harness.OneComponent(s, "return", b)
			c.Listen = g.listen[name]
			c.Store = fmt.Sprintf(`{nats: {url: "%s", replicas: 1}}`, g.url(name))
			c.Replica = fmt.Sprintf(`{name: %s, failover: 1s, advertise: "http://%s"}`, name, c.Listen)
			return c.Write(t, t.TempDir())
		})
		alice := harness.Login(t, s, "alice")
		alice.Echo("echo@return.localhost", "before")

		before := g.active
		_, free := hang(t, b)
		g.cut(before, true)
		sendAndGetBack(alice, func() {})
		free()
		g.takes(g.other())
		g.cut(before, false)
		g.standsBy(before)
		alice.Echo("echo@return.localhost", "after")
		for _, h := range b.Got() { // those that it gets now were stored, and nothing was
			if strings.HasPrefix(h.Body, "back") && h.Status != 503 {
				t.Errorf("%s was returned, and delivered", h.Body)
			}
		}
		if !harness.FullFaults() {
			return
		}
		g.now[before].StopWell()
		asked, free := hang(t, b)
		n.Nodes[0].Kill()
		sendAndGetBack(alice, func() {
			harness.Eventually(t, "the bot is asked", func() bool { return asked() > 0 })
			g.now[g.active].Terminate()
		})
		free()
		g.now[g.active].Wait()
	})
}

// hang lets a bot answer nothing until it is free, and then that it was not able to; asked counts its
// requests.
func hang(t *testing.T, b *harness.Bot) (asked func() int64, free func()) {
	var count atomic.Int64
	end := make(chan struct{})
	free = sync.OnceFunc(func() {
		b.AnswerWith(nil)
		close(end)
	})
	b.AnswerWith(func(*harness.Hook) (int, string, string) {
		count.Add(1)
		<-end
		return 503, "", ""
	})
	t.Cleanup(free)
	return count.Load, free
}

// sendAndGetBack writes to some addresses of a bot, to each several times, does something, and gets
// an error for each.
func sendAndGetBack(alice harness.User, do func()) {
	want := make(map[string]bool)
	for i := range 20 {
		id := fmt.Sprint("back-", i)
		want[id] = true
		alice.Send("<message to='echo%d@return.localhost' type='chat' id='%s'><body>%s</body></message>", i%5, id, id)
	}
	do()
	for len(want) > 0 {
		r := alice.Await(fmt.Sprint("errors for ", want), func(r lab.Received) bool { return r.Type == "error" })
		if !want[r.ID] || r.Error != "resource-constraint" {
			alice.T.Errorf("%+v", r)
		}
		delete(want, r.ID)
	}
}
