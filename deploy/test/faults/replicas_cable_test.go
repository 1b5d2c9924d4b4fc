//go:build integration

package faults

import (
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/load"
	"stanzahook/deploy/lab/natsserver"
)

// The active replica is on a machine whose cable is pulled, and plugged in again. A relay is kinder than that: here
// no connection ends, requests that the other replica has passed on get no answer, and what the kernels have
// taken and not brought over, they bring when the cable is back, also of a process that has ended.
func replicasCable(t *testing.T, kind lab.Kind) {
	far := newFarMachine(t, map[lab.Kind]int{lab.Prosody: 3, lab.Ejabberd: 4}[kind])
	n := natsserver.Start(t, natsserver.Options{Nodes: 3, Host: "0.0.0.0"})
	users := load.LostUnstored
	if kind == lab.Ejabberd { // the dead connection has its share until it ends
		users = load.LostOnTheWay
	}
	replicaStage{kind: kind, nats: n, pace: load.Moderate(), far: far}.have(t, []replicaFault{{name: "the cable of the active replica is pulled", full: 5, users: users, do: func(g *group, tr *load.Traffic) {
		tr.Runs(g.now["b"]) // callers ask the standby
		awaitPosted(tr, 20)
		if g.active != "a" {
			g.now["b"].Terminate()
			g.takes("a")
			g.now["b"].Wait()
			g.start("b")
			g.standsBy("b")
			tr.Runs(g.now["b"])
			awaitPosted(tr, 20)
		}
		far.pull(true)
		g.takes("b")
		epoch := g.epoch()
		awaitPosted(tr, 20)
		far.pull(false)
		g.standsBy("a")
		awaitPosted(tr, 20)
		if now := g.epoch(); now != epoch {
			g.t.Errorf("the epoch was %d, and is %d since the cable is back", epoch, now)
		}
	}}})
}

// reaches lets a server be reached from a far machine.
func (f *farMachine) reaches(o lab.Options) lab.Options {
	edit := o.Edit
	o.Edit = func(config []byte) (_ []byte, err error) {
		if edit != nil {
			if config, err = edit(config); err != nil {
				return nil, err
			}
		}
		if o.Kind == lab.Prosody {
			return []byte(strings.Replace(string(config), `component_interfaces = { "127.0.0.1" }`, `component_interfaces = { "127.0.0.1", "`+f.here+`" }`, 1)), nil
		}
		service := "    ip: \"127.0.0.1\"\n    module: ejabberd_service\n"
		return []byte(strings.Replace(string(config), service, strings.Replace(service, "127.0.0.1", "0.0.0.0", 1), 1)), nil
	}
	return o
}

// at returns where a far machine reaches what listens here.
func (f *farMachine) at(addr string) string { return strings.ReplaceAll(addr, "127.0.0.1", f.here) }
