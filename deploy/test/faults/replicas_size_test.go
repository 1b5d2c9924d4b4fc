//go:build integration

package faults

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
	"stanzahook/deploy/lab/natsserver"
	"stanzahook/pkg/store"
)

// A takeover takes at most a second more with a hundred endpoints, and with 100,000 events that
// wait, of which none is lost or out of order.
func replicasSize(t *testing.T) {
	const waiting, kills = 100_000, 3
	n := natsserver.Start(t, natsserver.Options{Nodes: 3, MaxStore: "20GB"})
	s := harness.StartServer(t, kickOld(harness.ServerOptions(lab.Prosody, "load")))
	b := load.NewOrderBot()
	b.Down.Store(true)
	bot := httptest.NewServer(b)
	t.Cleanup(bot.Close)
	took := make(map[string]time.Duration)
	for _, row := range []struct {
		name      string
		endpoints int
		waiting   int
	}{{"one", 1, 0}, {"hundred", 100, 0}, {"backlog", 1, waiting}} {
		var endpoints strings.Builder
		for i := range row.endpoints - 1 {
			fmt.Fprintf(&endpoints, "  - {name: e%d, url: %q, match: {to: 'e%d@*'}}\n", i, bot.URL, i)
		}
		fmt.Fprintf(&endpoints, "  - {name: echo, url: %q, retry: {schedule: [%s], max_age: 24h}}\n", bot.URL, strings.Join(load.ManySteps, ", "))
		if row.waiting > 0 {
			st, err := store.Open(t.Context(), store.Options{NATS: &store.NATS{URL: n.URL(), Name: row.name, Replicas: 3}, MaxBytes: 2 << 30, OutboxBytes: 256 << 20, OutboxCount: 100_000})
			if err != nil {
				t.Fatal(err)
			}
			load.FillQueueOf(t, st, row.waiting)
		}
		g := startGroup(t, n, func(g *group, name string) string {
			return harness.WriteConfig(t, t.TempDir(), fmt.Sprintf("components: [{domain: load.localhost, server: %q, secret: %q}]\nendpoints:\n%shttp: {listen: %q, insecure_no_auth: true}\nstore: {max_bytes: 2GiB, nats: {url: %q, name: %s, replicas: 3}}\nreplica: {name: %s, advertise: \"http://%[4]s\"}\n",
				s.ComponentAddr(), harness.Secret, &endpoints, g.listen[name], g.url(name), row.name, name))
		})
		var times []float64
		for range kills {
			before := g.active
			began := time.Now()
			g.now[before].Kill()
			g.takes(g.other())
			times = append(times, time.Since(began).Seconds())
			g.start(before)
			g.standsBy(before)
		}
		took[row.name] = time.Duration(harness.Median(times) * float64(time.Second))
		t.Logf("%s: a takeover takes %.2f s", row.name, times)
		if row.waiting > 0 {
			b.Down.Store(false)
			load.AwaitProgress(t, "all events are delivered", func() (int, bool) {
				taken := int(b.Taken.Load())
				return taken, taken == row.waiting
			})
			if b.Bad.Load() > 0 {
				t.Errorf("%d events are out of order, the first is %v", b.Bad.Load(), b.First.Load())
			}
			t.Logf("%d events, %d came again", row.waiting, b.Again.Load())
		}
		for _, name := range []string{g.other(), g.active} {
			g.now[name].StopWell()
		}
	}
	for _, name := range []string{"hundred", "backlog"} {
		if more := took[name] - took["one"]; more > time.Second {
			t.Errorf("%s: a takeover takes %v more", name, more)
		}
	}
}
