//go:build integration

package faults

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
	"stanzahook/deploy/lab/natsserver"
)

// replicaStage is where faults happen to two replicas.
type replicaStage struct {
	kind lab.Kind
	nats *natsserver.Cluster
	pace time.Duration // of each user and of each caller
	far  *farMachine   // of replica a; nil: it is on this machine, with relays to all that it reaches
}

// conversations are those that each of the users has with the bot: all of them have 60.
const conversations = 15

// have lets faults happen while messages flow, and says what became of these.
func (s replicaStage) have(t *testing.T, faults []replicaFault) {
	t.Helper()
	if harness.FullFaults() { // what is measured is the product's
		harness.WithoutRace(t)
	}
	o, host := kickOld(harness.ServerOptions(s.kind, "replicas")), "127.0.0.2"
	if s.far != nil {
		o, host = s.far.reaches(o), s.far.here
	}
	server, b := harness.StartServer(t, o), load.NewTallyAt(t, host)
	g := newGroup(t, s.nats, func(g *group, name string) string {
		c, nats := load.TrafficConfig(server, "replicas", b.URL()), ""
		if s.far == nil {
			c.Components[0].Server, nats = g.link(name, server), g.url(name)
		} else {
			c.Components[0].Server, nats = s.far.at(server.ComponentAddr()), s.far.at(s.nats.URL())
			c.Network = s.far.here + "/32"
		}
		c.Store = fmt.Sprintf(`{nats: {url: "%s", replicas: 3}}`, nats)
		c.Listen = g.listen[name]
		c.Replica = fmt.Sprintf(`{name: %s, advertise: "http://%s"}`, name, c.Listen)
		return c.Write(t, t.TempDir())
	})
	if s.far != nil {
		g.within = map[string][]string{"a": s.far.within}
		g.listen["a"], g.listen["b"] = s.far.addr+":"+harness.FreePort(t), s.far.here+":"+harness.FreePort(t)
	}
	g.startBoth()
	var to []string
	for i := range conversations {
		to = append(to, fmt.Sprintf("echo%d@replicas.localhost", i))
	}
	tr := load.StartTraffic(t, server, g.now["a"], b, s.pace, to...)
	figures := make(map[string]float64)
	for _, f := range faults {
		times := f.full
		if !harness.FullFaults() {
			if !f.short {
				continue
			}
			times = 1
		}
		for i := range harness.FaultTimes(t, f.name, times) {
			awaitPosted(tr, map[bool]int{true: 400, false: 20}[harness.FullFaults()]) // so there is load between two faults
			epoch, began, again, users := g.epoch(), time.Now(), b.Repeated(), f.users
			if users == "" && !f.stays && s.kind == lab.Ejabberd {
				users = load.LostOnTheWay // it drops what it is about to write when we say that we go
			}
			tr.During(fmt.Sprintf("%s, %d", f.name, i+1), users, "", func() { f.do(g, tr) })
			silence, since := b.Silence(began)
			t.Logf("the bot heard nothing for %v, from %v on%s", silence.Round(time.Millisecond), since.Sub(began).Round(time.Millisecond), g.steps(since))
			if f.stays && silence > time.Second {
				t.Log(g.said(began))
			}
			figures[f.name+", longest silence, s"] = max(figures[f.name+", longest silence, s"], silence.Seconds())
			if now := g.epoch(); now == epoch != f.stays {
				t.Errorf("%s: the epoch was %d, and is %d%s", f.name, epoch, now, g.said(began))
			}
			if n := b.Repeated() - again; f.once && n > 0 {
				t.Errorf("%s: %d events came again", f.name, n)
			}
			g.standsBy(g.other())
		}
	}
	users, callers := tr.Finish()
	users.Figures = figures
	users.Close(t)
	callers.Close(t)
}

// steps says when the replicas have given the role, got it, and connected, from a time on.
func (g *group) steps(since time.Time) (text string) {
	type step struct {
		after time.Duration
		what  string
	}
	var all []step
	for name, p := range g.now {
		for _, e := range p.Log.Entries() {
			if after := e.Time.Sub(since); after > -time.Second && slices.Contains([]string{"stopping", "stopped", "role lost", "active", "connected", "started"}, e.Msg) {
				all = append(all, step{after, name + " " + e.Msg})
			}
		}
	}
	slices.SortFunc(all, func(a, b step) int { return cmp.Compare(a.after, b.after) })
	for _, s := range all {
		text += fmt.Sprintf(", %s after %v", s.what, s.after.Round(time.Millisecond))
	}
	return text
}

// said is what the replicas have logged since a time, but for requests and deliveries.
func (g *group) said(since time.Time) (text string) {
	for name, p := range g.now {
		for _, e := range p.Log.Entries() {
			if e.Time.After(since) && (e.Level != "info" || e.Msg == "active" || e.Msg == "standing by") {
				text += fmt.Sprintf("\n%s %s %s: %s %s", e.Time.Format(time.TimeOnly+".000"), name, e.Level, e.Msg, e.Error)
			}
		}
	}
	return text
}

// At full load, which is as much as the users get answers for, a takeover is like any other, and so is a hand-over. It
// is for some time before each: what has moved by then, and was not removed, is what a takeover has to look through.
func replicasFullLoad(t *testing.T) {
	faults := []replicaFault{killedActive(3), stoppedActive(3)}
	for i, f := range faults {
		faults[i].do = func(g *group, tr *load.Traffic) {
			heard := tr.Bot.Accepted()
			load.AwaitProgress(t, "events", func() (int, bool) { n := tr.Bot.Accepted(); return n, n >= heard+fullLoad })
			f.do(g, tr)
		}
	}
	replicaStage{kind: lab.Prosody, nats: natsserver.Start(t, natsserver.Options{Nodes: 3}), pace: time.Millisecond}.have(t, faults)
}

// fullLoad is how many events there are before a fault at full load: of some seconds.
const fullLoad = 5000
