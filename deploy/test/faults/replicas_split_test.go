//go:build integration

package faults

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
	"stanzahook/deploy/lab/natsserver"
)

// NATS is split, and the active replica is on the side of one server of three: the other one takes
// over, and the one before delivers nothing any more, nor takes the connection back.
// The servers need up to 10 seconds to elect leaders. Each of them is the one once, in a cluster of its own.
func replicasSplit(t *testing.T, kind lab.Kind) {
	for alone := range 3 {
		t.Run(fmt.Sprint("n", alone+1), func(t *testing.T) { replicasSplitFrom(t, kind, alone) })
	}
}

// tellsLost returns how many lost events a replica tells of in its metrics.
func (g *group) tellsLost(name string) (n int) {
	const metric = "\nstanzahook_replica_lost_events_total "
	harness.Eventually(g.t, "metrics of "+name, func() bool {
		r, err := g.now[name].Call("GET", "/metrics", "", "", "")
		_, rest, ok := strings.Cut(r.Body, metric)
		_, wrong := fmt.Sscan(rest, &n)
		return err == nil && ok && wrong == nil
	})
	return n
}

func replicasSplitFrom(t *testing.T, kind lab.Kind, alone int) {
	const nodes = 3
	var routes [nodes][nodes]*harness.Relay // from one to another
	n := natsserver.Start(t, natsserver.Options{Nodes: nodes, Whole: func(i int, dir string, ports []int) string {
		var to []string
		for j := range nodes {
			if j != i {
				routes[i][j] = harness.NewRelay(t, fmt.Sprintf("127.0.0.1:%d", ports[nodes+j]))
				to = append(to, "nats://"+routes[i][j].Addr())
			}
		}
		// What servers tell each other of routes leads nowhere: all go by the relays.
		return fmt.Sprintf("server_name: n%d\nlisten: 127.0.0.1:%d\nmax_payload: 8MB\njetstream {\n store_dir: %q\n max_file_store: 4GB\n}\ncluster {\n name: lab\n no_advertise: true\n advertise: \"127.0.0.1:1\"\n listen: 127.0.0.1:%d\n routes: [%s]\n}\n",
			i+1, ports[i], filepath.Join(dir, fmt.Sprintf("n%d", i+1)), ports[nodes+i], strings.Join(to, ", "))
	}})
	replicaStage{kind: kind, nats: n, pace: load.Moderate()}.have(t, []replicaFault{{name: "NATS is split, the active replica with one server of three", full: 1, users: load.LostUnstored, do: func(g *group, tr *load.Traffic) {
		before := g.active
		lives := g.lives(before)
		apart := func(yes bool) { // each replica is on its side
			for i := range nodes {
				for name, relays := range g.relays {
					if (name == before) != (i == alone) {
						if relays[i].Shut.Store(yes); yes {
							relays[i].Cut()
						}
					}
				}
			}
		}
		apart(true)
		g.standsBy(g.other())
		awaitPosted(tr, 20)
		split := func(yes bool) {
			for i := range nodes {
				if i != alone {
					for _, r := range []*harness.Relay{routes[i][alone], routes[alone][i]} {
						r.Silence(yes)
						if r.Shut.Store(yes); !yes {
							r.Cut()
						}
					}
				}
			}
		}
		split(true)
		tr.Runs(g.takes(g.other()))
		harness.Eventually(g.t, "the one before begins anew", func() bool { return g.lives(before) > lives })
		awaitPosted(tr, 50)
		split(false)
		apart(false)
		told := g.tellsLost(before)
		g.t.Logf("the one before tells of %d lost events", told)
		// Where the other one needs very long, the one before gives up first, and returns all to their senders.
		if logged := strings.Contains(g.now[before].Log.String(), `"events lost"`); logged != (told > 0) || logged && kind == lab.Ejabberd {
			g.t.Errorf("it tells of %d lost events\n%s", told, g.now[before].Log)
		}
	}}})
}
