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
	once  bool   // no event comes again
	do    func(g *group, tr *load.Traffic)
}

// Two replicas on three NATS servers, while messages flow in both directions. Nothing that was stored is
// lost, and each conversation keeps its order. STANZAHOOK_FAULTS=full, as "make cluster-faults" has it, does
// all of it, many times; the figures are what a bot notices.
func TestFaultsReplicas(t *testing.T) {
	t.Run(string(lab.Prosody), func(t *testing.T) { replicasOn(t, lab.Prosody) })
	if harness.FullFaults() {
		t.Run(string(lab.Ejabberd), func(t *testing.T) { replicasOn(t, lab.Ejabberd) })
		for _, kind := range []lab.Kind{lab.Prosody, lab.Ejabberd} {
			t.Run("split, "+string(kind), func(t *testing.T) { replicasSplit(t, kind) })
			t.Run("cable, "+string(kind), func(t *testing.T) { replicasCable(t, kind) })
		}
		t.Run("full load", replicasFullLoad)
		t.Run("size", replicasSize)
	}
}

func replicasOn(t *testing.T, kind lab.Kind) {
	replicaStage{kind: kind, nats: natsserver.Start(t, natsserver.Options{Nodes: 3}), pace: load.Moderate()}.have(t, replicaFaults())
}

func killedActive(times int) replicaFault {
	return replicaFault{name: "the active replica is killed", short: true, full: times, users: load.LostUnstored, do: func(g *group, tr *load.Traffic) {
		before := g.active
		tr.Kill()
		tr.Runs(g.takes(g.other()))
		g.start(before)
	}}
}

func stoppedActive(times int) replicaFault {
	return replicaFault{name: "the active replica is stopped", short: true, full: times, once: true, do: func(g *group, tr *load.Traffic) {
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
	}}
}

func replicaFaults() []replicaFault {
	return []replicaFault{
		killedActive(10),
		stoppedActive(10),
		{name: "the active replica is frozen", short: true, full: 5, users: load.LostUnstored, do: func(g *group, tr *load.Traffic) {
			before := g.active
			g.signal(before, syscall.SIGSTOP)
			next := g.takes(g.other())
			g.signal(before, syscall.SIGCONT)
			tr.Runs(next)
			g.standsBy(before) // until then ejabberd writes into the connection of either
		}},
		{name: "the active replica is cut off from NATS", short: true, full: 5, users: load.LostUnstored, do: func(g *group, tr *load.Traffic) {
			before := g.active
			g.cut(before, true)
			tr.Runs(g.takes(g.other()))
			g.cut(before, false)
		}},
		{name: "the active replica is off the network", full: 5, users: load.LostUnstored, do: func(g *group, tr *load.Traffic) {
			before := g.active
			g.unplug(before, true)
			tr.Runs(g.takes(g.other()))
			g.unplug(before, false)
		}},
		{name: "the active replica does not reach the XMPP server for 5 s", full: 3, stays: true, do: func(g *group, tr *load.Traffic) {
			g.links[g.active].Silence(true)
			time.Sleep(5 * time.Second) // so long
			g.links[g.active].Silence(false)
			awaitPosted(tr, 20)
		}},
		{name: "an upgrade, replica by replica", full: 3, do: func(g *group, tr *load.Traffic) {
			before, other := g.active, g.other()
			g.now[other].StopWell()
			g.start(other)
			g.standsBy(other)
			tr.Now().Terminate()
			tr.Runs(g.takes(other))
			if code := g.now[before].Wait(); code != 0 {
				g.t.Errorf("exit code %d", code)
			}
			g.start(before)
		}},
		{name: "the active replica is killed, with two standbys", full: 5, users: load.LostUnstored, do: func(g *group, tr *load.Traffic) {
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
		{name: "a NATS server is killed", full: 3, stays: true, do: func(g *group, tr *load.Traffic) {
			for _, node := range g.nats.Nodes {
				node.Kill()
				time.Sleep(5 * time.Second) // the length of the outage that the row measures
				node.Start()
				awaitPosted(tr, 20)
				natsIsCurrent(g.t, g.nats)
			}
		}},
		{name: "a NATS server is frozen", full: 3, stays: true, do: func(g *group, tr *load.Traffic) {
			for _, node := range g.nats.Nodes {
				node.Freeze()
				time.Sleep(5 * time.Second) // so long it is frozen
				node.Thaw()
				awaitPosted(tr, 20)
				natsIsCurrent(g.t, g.nats)
			}
		}},
		{name: "NATS is slower by 100 ms", full: 1, stays: true, do: func(g *group, tr *load.Traffic) {
			g.each([]string{"a", "b"}, func(r *harness.Relay) { r.Slow(50*time.Millisecond, 0) })
			time.Sleep(time.Minute) // so long it is slow
			g.each([]string{"a", "b"}, func(r *harness.Relay) { r.Slow(0, 0) })
			awaitPosted(tr, 20)
		}},
		{name: "two NATS servers of three are gone", full: 2, stays: true, do: func(g *group, tr *load.Traffic) {
			g.nats.Nodes[0].Kill()
			g.nats.Nodes[1].Kill()
			time.Sleep(30 * time.Second) // so long there is no quorum
			g.nats.Nodes[0].Start()
			g.nats.Nodes[1].Start()
			awaitPosted(tr, 20)
			natsIsCurrent(g.t, g.nats)
		}},
	}
}

// Processes of one name: the second with the name of a replica that runs ends, and says why;
// with a name of its own it stands by, as long as the first one lives, which goes on undisturbed.
func TestSecondProcess(t *testing.T) {
	besideOthers(t)
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
	c.Listen = "127.0.0.1:" + harness.FreePort(t)
	c.Replica = fmt.Sprintf(`{name: two, failover: 1s, advertise: "http://%s"}`, c.Listen)
	file := c.Write(t, t.TempDir())
	second := harness.Command(t, "serve", "--config", file)
	second.Addr = c.Listen
	harness.Eventually(t, "the second one stands by", func() bool {
		r, err := second.Call("GET", "/readyz", "", "", "")
		return err == nil && r.Status == 200 && strings.Contains(r.Body, "active is one")
	})
	if out := natsCheck(t, file, "--api", "http://"+second.Addr); !strings.Contains(out, "with the configuration and the secrets of the active one") {
		t.Errorf("check says of the replicas:\n%s", out)
	}
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
