package replica_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stanzahook/pkg/replica"
)

// run runs a test with replicas in a time of its own.
func run(t *testing.T, do func(t *testing.T, n *network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		do(t, n)
		n.end()
		time.Sleep(2 * failover) // what is still under way
	})
}

// release ends a replica as the program does.
func release(m *replica.Member) {
	ctx, cancel := context.WithTimeout(context.Background(), failover)
	defer cancel()
	m.Release(ctx)
}

// within fails if something took longer, or shorter, than it should.
func within(t *testing.T, what string, began time.Time, least, most time.Duration) {
	t.Helper()
	if took := time.Since(began); took < least || took > most {
		t.Errorf("%s took %v, not %v to %v", what, took, least, most)
	}
}

// The time is that of the test, so it can be asserted: it passes only when nobody has
// anything to do.
func TestTakeover(t *testing.T) {
	rows := map[string]struct {
		do          func(p *process, m *replica.Member)
		least, most time.Duration
		reason      string
	}{
		"killed":  {func(p *process, _ *replica.Member) { p.kill() }, failover * 7 / 8, failover + 10*time.Millisecond, "silence"},
		"cut off": {func(p *process, _ *replica.Member) { p.set(func() { p.cut = true }) }, failover * 7 / 8, failover + 10*time.Millisecond, "silence"},
		"frozen":  {func(p *process, _ *replica.Member) { p.freeze(5 * time.Second) }, failover * 7 / 8, failover + 10*time.Millisecond, "silence"},
		"ends":    {func(p *process, m *replica.Member) { release(m); p.kill() }, 0, 20 * time.Millisecond, "bye"},
		"ends, and its bye is lost": {func(p *process, m *replica.Member) {
			p.net.nodes["b"].process.set(func() { p.net.nodes["b"].process.cut = true })
			release(m)
			p.kill()
			time.Sleep(100 * time.Millisecond)
			p.net.nodes["b"].process.set(func() { p.net.nodes["b"].process.cut = false })
		}, 0, failover/2 + failover/4 + 200*time.Millisecond, "bye"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, n *network) {
				began := time.Now()
				n.start("a")
				if who := n.await(time.Second); who != "a" {
					t.Fatal(who)
				}
				within(t, "the first start", began, 0, 50*time.Millisecond)
				n.start("b")
				time.Sleep(3 * failover)
				n.watch()
				p, m := n.nodes["a"].now()
				first := m.Status()
				began = time.Now()
				row.do(p, m)
				for n.await(2*failover) != "b" {
					time.Sleep(time.Millisecond)
				}
				within(t, "the takeover", began, row.least, row.most)
				_, b := n.nodes["b"].now()
				if st := b.Status(); st.Reason != row.reason || st.Epoch <= first.Epoch {
					t.Errorf("%+v after %+v", st, first)
				}
				time.Sleep(4 * failover)
				if who := n.await(0); who != "b" {
					t.Errorf("in the end %s is active", who)
				}
			})
		})
	}
}

// An active replica that is cut off, or was frozen, begins nothing any more before another
// one can have taken over, and goes on as a standby.
func TestOldOneIsStandby(t *testing.T) {
	for name, do := range map[string]func(p *process){
		"cut off": func(p *process) {
			p.set(func() { p.cut = true })
			time.AfterFunc(5*time.Second, func() { p.set(func() { p.cut = false }) })
		},
		"frozen": func(p *process) { p.freeze(5 * time.Second) },
		"split": func(p *process) { // its NATS server is alone: it hears itself, and nothing else
			p.set(func() { p.deaf = true })
			time.AfterFunc(5*time.Second, func() { p.set(func() { p.deaf = false }) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, n *network) {
				n.start("a")
				n.await(time.Second)
				n.start("b")
				time.Sleep(failover)
				n.watch()
				p, _ := n.nodes["a"].now()
				do(p)
				time.Sleep(5*time.Second + failover)
				if who := n.await(failover / 2); who != "b" {
					t.Errorf("%s is active", who)
				}
				if lost := n.nodes["a"].losses(); len(lost) != 1 {
					t.Errorf("lost %q", lost)
				}
				_, m := n.nodes["a"].now()
				if st := m.Status(); st.Epoch != 0 || st.Holder.Replica != "b" || m.Ready() != nil {
					t.Errorf("%+v, %v", st, m.Ready())
				}
			})
		})
	}
}

// An active replica that is cut off loses its role when others cannot have taken over yet, and not with its next
// beat: what is under way has to be ended before.
func TestEndsInTime(t *testing.T) {
	const beat = failover / 8
	for phase := 20 * time.Millisecond; phase < beat; phase += 60 * time.Millisecond {
		run(t, func(t *testing.T, n *network) {
			began := time.Now()
			n.start("a")
			n.await(time.Second)
			n.start("b")
			time.Sleep(time.Until(began.Add(failover + phase)))
			heard := began.Add(failover) // the last of its beats
			p, _ := n.nodes["a"].now()
			p.set(func() { p.cut = true })
			for len(n.nodes["a"].losses()) == 0 {
				time.Sleep(time.Millisecond)
			}
			within(t, fmt.Sprint("the end, cut off ", phase, " after a beat,"), heard, failover*4/5, failover*4/5+2*time.Millisecond)
			time.Sleep(beat) // the next process begins
		})
	}
}

// A standby that was cut off, or frozen, does not take over when it comes back: it has not
// heard the active one, but itself neither.
func TestStandbyComesBack(t *testing.T) {
	for name, do := range map[string]func(p *process){
		"cut off": func(p *process) {
			p.set(func() { p.cut = true })
			time.AfterFunc(7*time.Second, func() { p.set(func() { p.cut = false }) })
		},
		"frozen": func(p *process) { p.freeze(7 * time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, n *network) {
				n.start("a")
				n.await(time.Second)
				n.start("b")
				time.Sleep(failover)
				p, _ := n.nodes["b"].now()
				do(p)
				time.Sleep(20 * time.Second)
				if who := n.await(0); who != "a" || len(n.nodes["a"].losses()) > 0 || n.last() > 3 {
					t.Errorf("%s is active at revision %d\n%s", who, n.last(), n)
				}
			})
		})
	}
}

// Of several standbys one takes over.
func TestOneOfTwoStandbys(t *testing.T) {
	run(t, func(t *testing.T, n *network) {
		n.start("a")
		n.await(time.Second)
		n.start("b")
		n.start("c")
		n.watch()
		for range 5 {
			time.Sleep(3 * failover)
			who := n.await(0)
			p, _ := n.nodes[who].now()
			n.mu.Lock()
			before := len(n.holders)
			n.mu.Unlock()
			p.kill()
			next := n.await(failover + 100*time.Millisecond)
			time.Sleep(failover)
			n.mu.Lock()
			if now := len(n.holders); now != before+1 || next == who {
				t.Errorf("%d takeovers, by %s after %s", now-before, next, who)
			}
			n.mu.Unlock()
			n.start(who)
		}
	})
}

// The answer to the takeover is lost: the record tells that it has worked.
func TestAnswerIsLost(t *testing.T) {
	run(t, func(t *testing.T, n *network) {
		n.start("a")
		n.await(time.Second)
		n.start("b")
		time.Sleep(failover)
		p, _ := n.nodes["a"].now()
		b, _ := n.nodes["b"].now()
		b.set(func() { b.lose = true })
		p.kill()
		for n.takeovers() < 2 {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(failover / 8) // the answer is gone, and there is time to find the record
		b.set(func() { b.lose = false })
		if who := n.await(3 * failover); who != "b" || n.takeovers() != 2 {
			t.Errorf("%s is active after %d takeovers", who, n.takeovers())
		}
	})
}

// Where there is no other replica, one that is cut off keeps the role, and begins nothing
// until it has seen that it is still its own.
func TestAlone(t *testing.T) {
	run(t, func(t *testing.T, n *network) {
		n.start("a")
		n.await(time.Second)
		p, m := n.nodes["a"].now()
		time.Sleep(failover)
		p.set(func() { p.cut = true })
		time.Sleep(failover)
		if m.May() {
			t.Error("it may go on while it is cut off")
		}
		time.Sleep(time.Minute)
		p.set(func() { p.cut = false })
		n.await(2 * failover)
		if len(n.nodes["a"].losses()) > 0 || n.takeovers() != 1 {
			t.Errorf("lost %q, %d takeovers", n.nodes["a"].losses(), n.takeovers())
		}
		// Another one that is started meanwhile takes over, and the old one sees it.
		p.set(func() { p.cut = true })
		n.start("b")
		time.Sleep(2 * failover)
		n.watch()
		if who := n.await(0); who != "b" {
			t.Errorf("%s is active", who)
		}
		p.set(func() { p.cut = false })
		time.Sleep(failover)
		if who := n.await(0); who != "b" || len(n.nodes["a"].losses()) != 1 {
			t.Errorf("%s is active\n%s", who, n)
		}
	})
}

// A second process with the name of one that runs ends; a process in the place of one that
// was killed does not.
func TestNameIsTaken(t *testing.T) {
	run(t, func(t *testing.T, n *network) {
		n.start("a")
		n.await(time.Second)
		twin := &node{net: n, name: "a"}
		n.mu.Lock()
		n.nodes["twin"] = twin
		n.mu.Unlock()
		twin.begin()
		time.Sleep(failover)
		if len(twin.losses()) != 1 || !strings.Contains(twin.losses()[0], "replica.name") {
			t.Errorf("the second one: %q", twin.losses())
		}
		if who := n.await(0); who != "a" {
			t.Errorf("%s is active", who)
		}
		p, _ := n.nodes["a"].now()
		p.kill()
		n.start("a")
		if who := n.await(failover + 100*time.Millisecond); who != "a" {
			t.Errorf("%s is active", who)
		}
	})
}

// An active one that another program has taken the link from looks at the record at once.
func TestCheck(t *testing.T) {
	run(t, func(t *testing.T, n *network) {
		n.start("a")
		n.await(time.Second)
		p, m := n.nodes["a"].now()
		m.Check("kicked")
		time.Sleep(time.Second)
		if len(n.nodes["a"].losses()) > 0 || !m.May() {
			t.Errorf("a record that is still ours: %q", n.nodes["a"].losses())
		}
		p.set(func() { p.cut = true })
		time.Sleep(failover)
		m.Check("kicked")
		time.Sleep(failover)
		if lost := n.nodes["a"].losses(); len(lost) != 1 || !strings.Contains(lost[0], "kicked") {
			t.Errorf("a record that cannot be read: %q", lost)
		}
	})
}

// Whether the role was kept is known when the active one hears itself again, which it waits for, or has lost it.
func TestKeeps(t *testing.T) {
	for _, both := range []bool{false, true} {
		run(t, func(t *testing.T, n *network) {
			n.start("a")
			n.await(time.Second)
			if both {
				n.start("b")
			}
			time.Sleep(2 * time.Minute)
			p, m := n.nodes["a"].now()
			if !m.Keeps(t.Context()) {
				t.Error("the role is kept, and it says no")
			}
			p.set(func() { p.cut = true })
			time.Sleep(failover * 9 / 10)
			short, cancel := context.WithTimeout(t.Context(), failover/20)
			defer cancel()
			if m.Keeps(short) {
				t.Error("nobody knows whether the role is kept, and it says yes")
			}
			time.AfterFunc(time.Minute, func() { p.set(func() { p.cut = false }) })
			if began, keeps := time.Now(), m.Keeps(t.Context()); keeps == both {
				t.Errorf("with another one that may have taken over: %v, and it says %v after %v", both, keeps, time.Since(began))
			}
		})
	}
}

// The servers of NATS are split, and an active one is with those who have no leader: it begins nothing
// while it misses the other, and ends in the end, or as soon as its link is taken. Without a leader, but with the
// other one heard, it goes on: nobody can take over then.
func TestWithoutLeader(t *testing.T) {
	for name, row := range map[string]struct {
		split  bool
		kicked bool
		lost   string
	}{"split": {true, false, "more than half"}, "split, and kicked": {true, true, "kicked"}, "no leader": {false, false, ""}} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, n *network) {
				n.start("a")
				n.await(time.Second)
				n.start("b")
				time.Sleep(failover)
				p, m := n.nodes["a"].now()
				other, _ := n.nodes["b"].now()
				p.set(func() { p.deaf, p.lose = row.split, true })
				other.set(func() { other.lose = !row.split })
				time.Sleep(failover)
				if m.May() == row.split {
					t.Errorf("it may begin something: %v", m.May())
				}
				if row.kicked {
					m.Check("kicked")
					time.Sleep(failover)
				} else {
					time.Sleep(7 * failover)
				}
				lost := n.nodes["a"].losses()
				if row.lost == "" && (len(lost) > 0 || !m.May()) || row.lost != "" && (len(lost) != 1 || !strings.Contains(lost[0], row.lost)) {
					t.Errorf("lost %q\n%s", lost, n)
				}
			})
		})
	}
}

// Whatever happens to two or three replicas, each revision is one takeover, no two may begin
// something at the same time, and in the end one is active. STANZAHOOK_FAULTS=full, as "make
// faults" has it, goes through more of them.
func TestInterleavings(t *testing.T) {
	seeds := uint64(30)
	if os.Getenv("STANZAHOOK_FAULTS") == "full" {
		seeds = 400
	}
	for seed := range seeds + 1 {
		if seed == seeds {
			seed = 309 // in which answers are lost until the next one is about to take over
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			run(t, func(t *testing.T, n *network) {
				r := rand.New(rand.NewPCG(seed, 18))
				names := []string{"a", "b", "c"}[:2+seed%2]
				for _, name := range names {
					n.start(name)
				}
				n.watch()
				span := func(most time.Duration) time.Duration { return time.Duration(r.Int64N(int64(most))) }
				for range 30 {
					name := names[r.IntN(len(names))]
					p, m := n.nodes[name].now()
					switch r.IntN(8) {
					case 0:
						p.kill()
						time.AfterFunc(span(2*failover), func() { n.start(name) })
					case 1:
						release(m)
						p.kill()
						time.AfterFunc(span(failover), func() { n.start(name) })
					case 2:
						p.freeze(span(3 * failover))
					case 3:
						p.set(func() { p.cut = true })
						time.AfterFunc(span(3*failover), func() { p.set(func() { p.cut = false }) })
					case 4:
						p.set(func() { p.lose = true })
						time.AfterFunc(span(failover), func() { p.set(func() { p.lose = false }) })
					case 5:
						late := span(failover / 4)
						p.set(func() { p.delay = late })
						time.AfterFunc(span(3*failover), func() { p.set(func() { p.delay = time.Millisecond }) })
					case 6:
						m.Check("kicked")
					}
					time.Sleep(span(2 * failover))
				}
				time.Sleep(4 * failover) // all faults have ended
				who := n.await(3 * failover)
				if is := n.holder(); is != who {
					t.Errorf("%s is active, and the record is of %s", who, is)
				}
				changes := n.takeovers()
				time.Sleep(5 * failover)
				if now := n.await(0); now != who || n.takeovers() != changes {
					t.Errorf("%s is active after %s, without a fault\n%s", now, who, n)
				}
			})
		})
	}
}
