package replica_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/replica"
)

const failover = 2 * time.Second

// network is what lies between replicas, and the record that they agree on. Each replica can
// be cut off, frozen, slow, or lose what comes.
type network struct {
	t *testing.T

	mu       sync.Mutex
	data     []byte
	revision uint64
	holders  map[uint64]string // who got each revision
	nodes    map[string]*node
	over     atomic.Bool
}

// node is a process that is a replica: after it has lost the role, the next one is
// begun in its place.
type node struct {
	net  *network
	name string

	mu      sync.Mutex
	m       *replica.Member
	process *process // of now
	lost    []string // why the role was lost, each time
}

// process is one life of a node.
type process struct {
	*node
	mu     sync.Mutex
	cut    bool          // nothing comes or goes
	old    *stale        // what the leader of before the split has; net.mu
	deaf   bool          // nothing of others comes: the servers are split
	lose   bool          // answers to requests are lost
	delay  time.Duration // each way
	thawed chan struct{} // nil: not frozen
	dead   bool
	m      *replica.Member
}

func newNetwork(t *testing.T) *network {
	return &network{t: t, nodes: make(map[string]*node), holders: make(map[uint64]string)}
}

// start starts a replica, or another process in its place.
func (n *network) start(name string) *node {
	n.mu.Lock()
	d := n.nodes[name]
	if d == nil {
		d = &node{net: n, name: name}
		n.nodes[name] = d
	}
	n.mu.Unlock()
	d.begin()
	return d
}

func (d *node) begin() {
	p := &process{node: d, delay: time.Millisecond}
	m := replica.Join(p, replica.Options{About: replica.About{Replica: d.name, Version: "1"}, Failover: failover, OnLost: func(why error) {
		p.kill()
		d.mu.Lock()
		d.lost = append(d.lost, why.Error())
		d.mu.Unlock()
		if why != replica.ErrTaken {
			d.begin()
		}
	}})
	p.mu.Lock()
	p.m = m
	p.mu.Unlock()
	d.mu.Lock()
	before := d.process
	d.process, d.m = p, m
	d.mu.Unlock()
	if before != nil {
		before.kill()
	}
}

// now returns the process and its membership.
func (d *node) now() (*process, *replica.Member) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.process, d.m
}

func (p *process) set(do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do()
}

// kill ends a process without a word.
func (p *process) kill() {
	p.set(func() {
		if p.dead = true; p.thawed != nil {
			close(p.thawed)
			p.thawed = nil
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p.mu.Lock()
	m := p.m
	p.mu.Unlock()
	if m != nil {
		go m.Release(ctx) // its goroutines end; nothing of it gets through
	}
}

func (p *process) freeze(d time.Duration) {
	thawed := make(chan struct{})
	p.set(func() {
		if p.thawed == nil {
			p.thawed = thawed
		}
	})
	time.AfterFunc(d, func() {
		p.set(func() {
			if p.thawed == thawed {
				close(thawed)
				p.thawed = nil
			}
		})
	})
}

// wait waits while the process is frozen, and reports whether it lives.
func (p *process) wait() bool {
	for {
		p.mu.Lock()
		thawed, dead := p.thawed, p.dead
		p.mu.Unlock()
		if dead || thawed == nil {
			return !dead
		}
		<-thawed
	}
}

func (p *process) is() (cut, deaf, lose, dead bool, delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cut, p.deaf, p.lose, p.dead, p.delay
}

// Say implements replica.Board.
func (p *process) Say(data []byte) error {
	if !p.wait() {
		return nil
	}
	cut, deaf, _, _, delay := p.is()
	if cut {
		return gateway.ErrSilent
	}
	n := p.net
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, d := range n.nodes {
		time.AfterFunc(delay, func() {
			to, m := d.now() // those who listen when it comes
			if to == nil || deaf && to != p {
				return
			}
			if cut, deaf, _, dead, _ := to.is(); cut || dead || deaf && to != p || !to.wait() {
				return
			}
			m.Hear(data)
		})
	}
	return nil
}

// request is one to the leader of the record.
func (p *process) request(ctx context.Context, do func() error) error {
	if !p.wait() {
		return gateway.ErrSilent
	}
	cut, deaf, lose, _, delay := p.is()
	if cut || deaf { // the split has left it with those who have no leader
		<-ctx.Done()
		return gateway.ErrSilent
	}
	time.Sleep(delay)
	p.net.mu.Lock()
	err := do()
	p.net.mu.Unlock()
	time.Sleep(delay)
	if cut, _, _, dead, _ := p.is(); cut || lose || dead || !p.wait() {
		<-ctx.Done()
		return gateway.ErrSilent
	}
	return err
}

// Prove implements replica.Board.
func (p *process) Prove(ctx context.Context) error {
	return p.request(ctx, func() error { return nil })
}

// Record implements replica.Board. The leader of before the split has what it had then.
func (p *process) Record(ctx context.Context) (data []byte, revision uint64, err error) {
	if _, deaf, _, dead, _ := p.is(); deaf && !dead && p.wait() {
		p.net.mu.Lock()
		defer p.net.mu.Unlock()
		if p.old == nil {
			p.old = &stale{p.net.data, p.net.revision}
		}
		return p.old.data, p.old.revision, nil
	}
	p.net.mu.Lock()
	p.old = nil
	p.net.mu.Unlock()
	err = p.request(ctx, func() error { data, revision = p.net.data, p.net.revision; return nil })
	return data, revision, err
}

// Replace implements replica.Board.
func (p *process) Replace(ctx context.Context, data []byte, revision uint64) (uint64, error) {
	next := uint64(0)
	err := p.request(ctx, func() error {
		if revision != p.net.revision {
			return gateway.ErrChanged
		}
		p.net.revision += 1 + uint64(len(data)%3) // other records have places between
		p.net.data, next = data, p.net.revision
		p.net.holders[next] = p.name
		return nil
	})
	return next, err
}

// Reconnect implements replica.Board.
func (p *process) Reconnect() {}

// last is the revision of the record, holder who has written it, and takeovers how often it was
// written.
func (n *network) last() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.revision
}

func (n *network) holder() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.holders[n.revision]
}

func (n *network) takeovers() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.holders)
}

// losses are why a node has lost the role, each time.
func (d *node) losses() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lost)
}

// actives are the replicas that may begin something now.
func (n *network) actives() (names []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, d := range n.nodes {
		if p, m := d.now(); p != nil {
			if _, _, _, dead, _ := p.is(); !dead && m.May() {
				names = append(names, name)
			}
		}
	}
	return names
}

// await waits until one replica is active, for so long at most, and returns which.
func (n *network) await(within time.Duration) string {
	n.t.Helper()
	began := time.Now()
	for time.Since(began) <= within {
		if all := n.actives(); len(all) == 1 {
			return all[0]
		}
		time.Sleep(5 * time.Millisecond)
	}
	n.t.Fatalf("nobody alone is active after %v: %v\n%s", within, n.actives(), n)
	return ""
}

// watch fails the test when two replicas may begin something at once.
func (n *network) watch() {
	go func() {
		for !n.over.Load() {
			if all := n.actives(); len(all) > 1 {
				n.t.Errorf("at the same time %v are active\n%s", all, n)
				return
			}
			time.Sleep(7 * time.Millisecond)
		}
	}()
}

// end ends all replicas.
func (n *network) end() {
	n.over.Store(true)
	for _, d := range n.nodes {
		p, _ := d.now()
		p.kill()
	}
}

func (n *network) String() (text string) {
	for name, d := range n.nodes {
		_, m := d.now()
		text += fmt.Sprintf("%s: %+v, lost %q\n", name, m.Status(), d.losses())
	}
	return text
}

// stale is a record as it was.
type stale struct {
	data     []byte
	revision uint64
}
