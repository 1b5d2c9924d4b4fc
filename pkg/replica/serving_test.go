package replica_test

import (
	"context"
	"testing"
	"time"

	"stanzahook/pkg/replica"
)

// awaits returns who serves, as a replica sees it; empty: nobody within that time.
func awaits(m *replica.Member, within time.Duration, last *replica.Serving) (replica.Serving, string) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	s, err := m.AwaitServing(ctx, last)
	if err != nil {
		return s, ""
	}
	return s, s.Replica
}

func isOver(s replica.Serving) bool {
	select {
	case <-s.Over:
		return true
	default:
		return false
	}
}

// All replicas know who serves: nobody before the active one says so, the next one at once after a
// takeover, and nobody after the silence of one.
func TestServing(t *testing.T) {
	const soon = failover/8 + 10*time.Millisecond
	run(t, func(t *testing.T, n *network) {
		n.start("a")
		n.await(time.Second)
		n.start("b")
		time.Sleep(failover)
		_, a := n.nodes["a"].now()
		_, b := n.nodes["b"].now()
		if _, who := awaits(b, failover, nil); who != "" {
			t.Errorf("%s serves, which has not started", who)
		}
		a.Serve(true)
		first, who := awaits(b, soon, nil)
		if mine, self := awaits(a, soon, nil); who != "a" || self != "a" || !mine.Me || first.Me {
			t.Errorf("%s and %s: %+v %+v", who, self, mine, first)
		}
		if _, who := awaits(b, 0, nil); who != "a" {
			t.Errorf("not known at once: %q", who)
		}
		if next, who := awaits(b, soon, &first); who != "a" {
			t.Errorf("no sign of life: %q", who)
		} else if _, who := awaits(b, 0, &next); who != "" {
			t.Errorf("a sign of life that was known: %s", who)
		}

		p, _ := n.nodes["a"].now()
		p.kill()
		began := time.Now()
		time.Sleep(10 * time.Millisecond) // for what is under way
		last, who := awaits(b, 0, nil)
		if _, more := awaits(b, failover/2, &last); who != "a" || more != "" {
			t.Errorf("%q, and a sign of life of %q", who, more)
		}
		<-b.Active()
		if _, who := awaits(b, 0, nil); who != "" || !isOver(first) {
			t.Errorf("%q serves, over: %v", who, isOver(first))
		}
		b.Serve(true)
		if s, who := awaits(b, soon, &first); who != "b" || !s.Me {
			t.Errorf("%q", who)
		}
		within(t, "the takeover", began, 0, failover+soon)
	})
}

// Who hands over has answered all: nothing of it is over, and it takes no more before it ends.
func TestServingAtHandOver(t *testing.T) {
	run(t, func(t *testing.T, n *network) {
		n.start("a")
		n.await(time.Second)
		n.start("b")
		n.start("c")
		time.Sleep(failover)
		_, a := n.nodes["a"].now()
		_, b := n.nodes["b"].now()
		_, c := n.nodes["c"].now()
		a.Serve(true)
		first, _ := awaits(b, failover, nil)
		a.Serve(false)
		time.Sleep(10 * time.Millisecond)
		for _, m := range []*replica.Member{a, b, c} {
			if _, who := awaits(m, failover, nil); who != "" {
				t.Errorf("%s serves, which is about to stop", who)
			}
		}
		release(a)
		p, _ := n.nodes["a"].now()
		p.kill()
		next := n.await(failover)
		_, m := n.nodes[next].now()
		m.Serve(true)
		for _, m := range []*replica.Member{b, c} {
			if _, who := awaits(m, failover, &first); who != next {
				t.Errorf("%q serves, not %s", who, next)
			}
		}
		if isOver(first) {
			t.Error("its answers are not waited for")
		}
	})
}
