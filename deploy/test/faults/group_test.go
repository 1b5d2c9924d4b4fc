//go:build integration

package faults

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/natsserver"
)

// kickOld lets a Prosody take the newer one of two connections of a name.
func kickOld(o lab.Options) lab.Options {
	if o.Kind == lab.Prosody {
		o.Edit = func(config []byte) ([]byte, error) {
			return append([]byte("component_conflict_resolve = \"kick_old\"\n"), config...), nil
		}
	}
	return o
}

// group is the replicas of one installation. Each reaches the NATS servers by relays of its own.
type group struct {
	t      *testing.T
	write  func(g *group, name string) (file string) // writes the configuration of a replica
	nats   *natsserver.Cluster
	listen map[string]string
	relays map[string][]*harness.Relay
	links  map[string]*harness.Relay // to the XMPP server
	within map[string][]string       // what the command line of a replica begins with
	now    map[string]*harness.Program
	active string
}

func newGroup(t *testing.T, n *natsserver.Cluster, write func(g *group, name string) string) *group {
	return &group{t: t, write: write, nats: n, listen: make(map[string]string), relays: make(map[string][]*harness.Relay), links: make(map[string]*harness.Relay), now: make(map[string]*harness.Program)}
}

// startGroup starts two replicas, of which the first one is active.
func startGroup(t *testing.T, n *natsserver.Cluster, write func(g *group, name string) string) *group {
	g := newGroup(t, n, write)
	g.startBoth()
	return g
}

func (g *group) startBoth() {
	g.start("a")
	g.now["a"].Started().AwaitLinks(1)
	g.active = "a"
	g.start("b")
	g.standsBy("b")
}

// start starts a replica, which is a standby unless there is none.
func (g *group) start(name string) {
	if g.listen[name] == "" {
		g.listen[name] = "127.0.0.1:" + harness.FreePort(g.t)
		for _, node := range g.nats.Nodes {
			g.relays[name] = append(g.relays[name], harness.NewRelay(g.t, fmt.Sprintf("127.0.0.1:%d", node.Port)))
		}
	}
	g.now[name] = harness.CommandUnder(g.t, g.within[name], "serve", "--config", g.write(g, name))
	g.now[name].Addr = g.listen[name]
}

// url is how a replica reaches the NATS servers.
func (g *group) url(name string) string {
	var all []string
	for _, r := range g.relays[name] {
		all = append(all, "nats://"+r.Addr())
	}
	return strings.Join(all, ",")
}

// each does something with each relay of a replica, or of all.
func (g *group) each(names []string, do func(*harness.Relay)) {
	for _, name := range names {
		for _, r := range g.relays[name] {
			do(r)
		}
	}
}

// cut cuts a replica off from NATS, or mends that.
func (g *group) cut(name string, yes bool) {
	g.each([]string{name}, func(r *harness.Relay) {
		r.Silence(yes)
		if r.Shut.Store(yes); !yes {
			r.Cut()
		}
	})
}

// link is where a replica reaches the XMPP server, by a relay of its own.
func (g *group) link(name string, s *lab.Server) string {
	if g.links[name] == nil {
		g.links[name] = harness.NewRelay(g.t, s.ComponentAddr())
	}
	return g.links[name].Addr()
}

// unplug takes a replica off the network, or plugs it in again: nothing is said any more, in either direction.
func (g *group) unplug(name string, yes bool) {
	g.cut(name, yes)
	g.links[name].Silence(yes)
	if g.links[name].Shut.Store(yes); !yes {
		g.links[name].Cut()
	}
}

// says returns what a replica says of itself; empty: nothing.
func (g *group) says(name string) string {
	r, err := g.now[name].Call("GET", "/readyz", "", "", "")
	if err != nil || r.Status != 200 {
		return ""
	}
	return strings.TrimSpace(r.Body)
}

// standsBy waits until a replica could take over.
func (g *group) standsBy(name string) {
	g.t.Helper()
	harness.Eventually(g.t, name+" stands by", func() bool { return g.says(name) == "standby, active is "+g.active })
}

// takes waits until one of some replicas is active, and connected.
func (g *group) takes(names ...string) *harness.Program {
	g.t.Helper()
	harness.Eventually(g.t, fmt.Sprint("one takes over of ", names), func() bool {
		i := slices.IndexFunc(names, func(name string) bool { return g.says(name) == "ready" })
		if i >= 0 {
			g.active = names[i]
		}
		return i >= 0
	})
	return g.now[g.active]
}

// other is the one of two replicas that is not active.
func (g *group) other() string { return map[string]string{"a": "b", "b": "a"}[g.active] }

func (g *group) signal(name string, signal syscall.Signal) {
	g.t.Helper()
	if err := g.now[name].Cmd.Process.Signal(signal); err != nil {
		g.t.Fatal(err)
	}
}

// epoch is higher after each takeover.
func (g *group) epoch() uint64 {
	g.t.Helper()
	r, err := g.now[g.active].Call("GET", "/v1/status", "token-admin", "", "")
	var st struct{ Replica struct{ Epoch uint64 } }
	if err == nil {
		err = json.Unmarshal([]byte(r.Body), &st)
	}
	if err != nil || st.Replica.Epoch == 0 {
		g.t.Fatalf("%+v %v", r, err)
	}
	return st.Replica.Epoch
}

// lives counts how often a process has begun as a standby in the place of a replica: one that has lost its role
// begins anew.
func (g *group) lives(name string) int {
	return g.now[name].Log.Count(func(e harness.LogEntry) bool { return e.Msg == "standing by" })
}
