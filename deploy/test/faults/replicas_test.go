//go:build integration

package faults

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
	"stanzahook/deploy/lab/natsserver"
)

// replicaFault is something that happens to replicas, or to their NATS, while messages flow.
type replicaFault struct {
	name  string
	short bool   // in the short form, too, once
	full  int    // how often in the full form
	users string // why a message may be lost
	stays bool   // there is no takeover
	kicks bool   // it needs a server that lets a newer connection take the place of one that is silent: Prosody
	do    func(g *group, tr *load.Traffic)
}

// Two replicas on three NATS servers, while messages flow in both directions. Nothing that was stored is
// lost, and each conversation keeps its order. STANZAHOOK_FAULTS=full, as "make cluster-faults" has it, does
// all of it, many times; the figures are what a bot notices.
func TestFaultsReplicas(t *testing.T) {
	t.Run(string(lab.Prosody), func(t *testing.T) { replicasOn(t, lab.Prosody) })
	if harness.FullFaults() {
		t.Run(string(lab.Ejabberd), func(t *testing.T) { replicasOn(t, lab.Ejabberd) })
	}
}

func replicasOn(t *testing.T, kind lab.Kind) {
	n := natsserver.Start(t, natsserver.Options{Nodes: 3})
	s := harness.StartServer(t, kickOld(harness.ServerOptions(kind, "replicas")))
	b := load.NewTally(t)
	g := startGroup(t, n, func(g *group, name string) string {
		c := load.TrafficConfig(s, "replicas", b.URL())
		c.Store = fmt.Sprintf(`{nats: {url: "%s", replicas: 3}}`, g.url(name))
		c.Listen = g.listen[name]
		c.Replica = fmt.Sprintf(`{name: %s, advertise: "http://%s"}`, name, c.Listen)
		return c.Write(t, t.TempDir())
	})
	tr := load.StartTraffic(t, s, g.now["a"], b, load.Moderate(), "echo@replicas.localhost")
	figures := make(map[string]float64)
	for _, f := range replicaFaults() {
		times := f.full
		switch {
		case f.kicks && kind != lab.Prosody, !f.short && !harness.FullFaults():
			continue
		case !harness.FullFaults():
			times = 1
		}
		for i := range times {
			epoch, began, users := g.epoch(), time.Now(), f.users
			if users == "" && !f.stays && kind == lab.Ejabberd {
				users = load.LostOnTheWay // it drops what it is about to write when we say that we go
			}
			tr.During(fmt.Sprintf("%s, %d", f.name, i+1), users, "", func() { f.do(g, tr) })
			silence := b.Silence(began)
			t.Logf("the bot heard nothing for %v", silence.Round(time.Millisecond))
			figures[f.name+", longest silence, s"] = max(figures[f.name+", longest silence, s"], silence.Seconds())
			if now := g.epoch(); now == epoch != f.stays {
				t.Errorf("%s: the epoch was %d, and is %d", f.name, epoch, now)
			}
			g.standsBy(g.other())
		}
	}
	users, callers := tr.Finish()
	users.Figures = figures
	users.Close(t)
	callers.Close(t)
}

func replicaFaults() []replicaFault {
	return []replicaFault{
		{"the active replica is killed", true, 10, load.LostUnstored, false, false, func(g *group, tr *load.Traffic) {
			before := g.active
			tr.Kill()
			tr.Runs(g.takes(g.other()))
			g.start(before)
		}},
		{"the active replica is stopped", true, 10, "", false, false, func(g *group, tr *load.Traffic) {
			before := g.active
			tr.Now().Terminate()
			tr.Runs(g.takes(g.other()))
			if code := g.now[before].Wait(); code != 0 {
				g.t.Errorf("exit code %d", code)
			}
			if log := g.now[g.active].Log.String(); !strings.Contains(log, `"because":"bye"`) {
				g.t.Errorf("it was not handed over:\n%s", log)
			}
			g.start(before)
		}},
		{"the active replica is frozen", true, 5, load.LostUnstored, false, true, func(g *group, tr *load.Traffic) {
			before := g.active
			g.signal(before, syscall.SIGSTOP)
			next := g.takes(g.other())
			g.signal(before, syscall.SIGCONT)
			tr.Runs(next)
		}},
		{"the active replica is cut off from NATS", true, 5, load.LostUnstored, false, true, func(g *group, tr *load.Traffic) {
			before := g.active
			g.cut(before, true)
			tr.Runs(g.takes(g.other()))
			g.cut(before, false)
		}},
		{"the active replica is killed, with two standbys", false, 5, load.LostUnstored, false, false, func(g *group, tr *load.Traffic) {
			before, second := g.active, g.other()
			g.start("c")
			g.standsBy("c")
			tr.Kill()
			tr.Runs(g.takes(second, "c"))
			loser := map[string]string{second: "c", "c": second}[g.active]
			g.standsBy(loser)
			g.start(before)
			g.standsBy(before)
			if g.active == "c" { // the others are two again
				g.now["c"].Terminate()
				g.takes(before, second)
				tr.Runs(g.now[g.active])
				return
			}
			g.now["c"].StopWell()
		}},
		{"a NATS server is killed", false, 3, "", true, false, func(g *group, tr *load.Traffic) {
			for _, node := range g.nats.Nodes {
				node.Kill()
				awaitSaid(tr, 50)
				node.Start()
				awaitPosted(tr, 20)
			}
		}},
		{"a NATS server is frozen", false, 3, "", true, false, func(g *group, tr *load.Traffic) {
			for _, node := range g.nats.Nodes {
				node.Freeze()
				time.Sleep(5 * time.Second) // so long it is frozen
				node.Thaw()
				awaitPosted(tr, 20)
			}
		}},
		{"NATS is slower by 100 ms", false, 1, "", true, false, func(g *group, tr *load.Traffic) {
			g.each([]string{"a", "b"}, func(r *harness.Relay) { r.Slow(50*time.Millisecond, 0) })
			time.Sleep(time.Minute) // so long it is slow
			g.each([]string{"a", "b"}, func(r *harness.Relay) { r.Slow(0, 0) })
			awaitPosted(tr, 20)
		}},
		{"two NATS servers of three are gone", false, 2, "", true, false, func(g *group, tr *load.Traffic) {
			g.nats.Nodes[0].Kill()
			g.nats.Nodes[1].Kill()
			time.Sleep(30 * time.Second) // so long there is no quorum
			g.nats.Nodes[0].Start()
			g.nats.Nodes[1].Start()
			awaitPosted(tr, 20)
		}},
	}
}

// Processes of one name: the second with the name of a replica that runs ends, and says why;
// with a name of its own it stands by, as long as the first one lives, which goes on undisturbed.
func TestSecondProcess(t *testing.T) {
	n := natsserver.Start(t, natsserver.Options{})
	s := harness.StartServer(t, harness.ServerOptions(lab.Prosody, "second"))
	b := harness.NewBot(t)
	c := harness.OneComponent(s, "second", b)
	c.Listen = "127.0.0.1:" + harness.FreePort(t)
	c.Store, c.Replica = fmt.Sprintf(`{nats: {url: "%s", replicas: 1}}`, n.URL()), fmt.Sprintf(`{name: one, failover: 1s, advertise: "http://%s"}`, c.Listen)
	first := harness.LaunchLinked(t, c.Write(t, t.TempDir()))
	c.Listen = "127.0.0.1:" + harness.FreePort(t)
	twin := harness.Command(t, "serve", "--config", c.Write(t, t.TempDir()))
	if code := twin.Wait(); code != 1 || !strings.Contains(twin.Log.String(), "replica.name") {
		t.Errorf("exit code %d\n%s", code, twin.Log)
	}
	c.Replica, c.Listen = "{name: two, failover: 1s}", "127.0.0.1:"+harness.FreePort(t)
	second := harness.Command(t, "serve", "--config", c.Write(t, t.TempDir()))
	second.Addr = c.Listen
	harness.Eventually(t, "the second one stands by", func() bool {
		r, err := second.Call("GET", "/readyz", "", "", "")
		return err == nil && r.Status == 200 && strings.Contains(r.Body, "active is one")
	})
	alice := harness.Login(t, s, "alice")
	r, err := second.Call("POST", "/rest", "token-all", harness.AsJSON, `{"to":"alice@localhost","type":"chat","body":"x"}`)
	if err != nil || r.Status != 202 || r.Header.Get("Stanzahook-Replica") != "one" {
		t.Errorf("%+v %v", r, err)
	}
	alice.Await("what was sent by way of the second", func(r lab.Received) bool { return r.Body == "x" })
	alice.Send("<message to='echo@second.localhost' type='chat' id='one'><body>one</body></message>")
	alice.Await("the bot's answer", func(r lab.Received) bool { return r.Kind == "message" && r.Body != "" })
	if epoch, err := strconv.Atoi(b.Got()[0].Header.Get("Stanzahook-Epoch")); err != nil || epoch == 0 {
		t.Errorf("the bot's request has the epoch %d: %v", epoch, err)
	}
	if first.Connects() != 1 || second.Connects() != 0 {
		t.Errorf("%d and %d connections", first.Connects(), second.Connects())
	}
	for _, p := range []*harness.Program{second, first} {
		p.StopWell()
	}
}
