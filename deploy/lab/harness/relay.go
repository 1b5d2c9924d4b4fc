//go:build linux

package harness

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Relay passes connections on to a server and counts them. It can be as bad as a
// network gets: while nothing is said, it is a good one.
type Relay struct {
	listener net.Listener
	Count    atomic.Int64
	Shut     atomic.Bool // new connections are closed at once

	mu     sync.Mutex
	pairs  map[*pair]bool
	delay  time.Duration // of each piece
	rate   int           // bytes a second and Direction; 0: any
	half   Direction     // the next piece of this direction is cut in the middle, and the connection with it
	silent chan struct{} // not nil: nothing passes until it is closed
	passes func(d Direction, piece []byte) bool
	edit   func(d Direction, piece []byte) []byte
}

// pair is one connection through the relay.
type pair struct {
	in, out net.Conn
	lost    atomic.Bool
}

// Direction is one of the two ways through a relay.
type Direction int

const (
	noWay    Direction = iota
	ToServer           // from who has connected
	ToClient
)

func (r *Relay) Addr() string { return r.listener.Addr().String() }

func NewRelay(t testing.TB, to string) *Relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{listener: l, pairs: make(map[*pair]bool)}
	t.Cleanup(func() {
		_ = l.Close()
		r.Silence(false)
		r.Cut()
	})
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return // closed
			}
			r.Count.Add(1)
			if r.Shut.Load() {
				_ = in.Close()
				continue
			}
			go r.connect(in, to)
		}
	}()
	return r
}

func (r *Relay) connect(in net.Conn, to string) {
	r.heard()
	out, err := net.Dial("tcp", to)
	if err != nil {
		_ = in.Close()
		return
	}
	p := &pair{in: in, out: out}
	r.mu.Lock()
	r.pairs[p] = true
	r.mu.Unlock()
	go r.pass(p, out, in, ToServer)
	r.pass(p, in, out, ToClient)
	r.mu.Lock()
	delete(r.pairs, p)
	r.mu.Unlock()
}

// pass copies one way until one side ends, and then ends both.
func (r *Relay) pass(p *pair, to, from net.Conn, d Direction) {
	defer p.end()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && !r.piece(p, to, buf[:n], d) {
			return
		}
		if err != nil {
			r.heard()
			return
		}
	}
}

// piece passes on what was read, as the network is now.
func (r *Relay) piece(p *pair, to net.Conn, b []byte, d Direction) bool {
	r.mu.Lock()
	delay, rate, passes, edit := r.delay, r.rate, r.passes, r.edit
	half := r.half == d && len(b) > 1
	if half {
		r.half = noWay
	}
	r.mu.Unlock()
	r.heard()
	if p.lost.Load() || passes != nil && !passes(d, b) {
		return true
	}
	if edit != nil {
		b = edit(d, b)
	}
	if half {
		_, _ = to.Write(b[:len(b)/2])
		p.reset()
		return false
	}
	time.Sleep(delay) // this is the delay
	for len(b) > 0 {
		n := len(b)
		if rate > 0 { // in twentieths of a second
			n = min(n, max(1, rate/20))
			time.Sleep(time.Duration(n) * time.Second / time.Duration(rate))
		}
		if _, err := to.Write(b[:n]); err != nil {
			return false
		}
		b = b[n:]
	}
	return true
}

// heard waits until the silence is over, if there is one: what connects to a black
// hole gets no answer, and what ends in it ends unnoticed.
func (r *Relay) heard() {
	r.mu.Lock()
	silent := r.silent
	r.mu.Unlock()
	if silent != nil {
		<-silent
	}
}

// end ends both sides, unless the connection is lost.
func (p *pair) end() {
	_ = p.in.Close()
	if !p.lost.Load() {
		_ = p.out.Close()
	}
}

// reset ends a connection as a router that has forgotten it: with a RST to both.
func (p *pair) reset() {
	for _, c := range []net.Conn{p.in, p.out} {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
}

// Cut resets all connections, and returns how many there were.
func (r *Relay) Cut() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.pairs {
		p.reset()
	}
	return len(r.pairs)
}

// CutHalf resets the connection that next has something to say in a direction,
// in the middle of it.
func (r *Relay) CutHalf(d Direction) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.half = d
}

// Lose makes the connections that there are lost without a word, as a firewall does that
// forgets them: the server keeps its ends, and hears nothing more. What connects from
// now on is not affected. The returned function ends the ends of the server.
func (r *Relay) Lose() (end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	lost := r.pairs
	r.pairs = make(map[*pair]bool)
	for p := range lost {
		p.lost.Store(true)
	}
	return func() {
		for p := range lost {
			_ = p.out.Close()
		}
	}
}

// Passes asks about each piece whether it may pass; nil: each may. On a quiet connection a
// piece is a stanza.
func (r *Relay) Passes(passes func(d Direction, piece []byte) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.passes = passes
}

// Edit lets a function write anew what passes, piece by piece, in each direction on its own;
// nil: nothing is changed. With one connection it may keep the end of a piece for the next one.
func (r *Relay) Edit(edit func(d Direction, piece []byte) []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.edit = edit
}

// Slow delays each piece, and limits the bytes a second; zeros: no longer.
func (r *Relay) Slow(delay time.Duration, rate int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.delay, r.rate = delay, rate
}

// Silence makes a black hole of it: connections stay and nothing passes, not even
// an end, until it is over.
func (r *Relay) Silence(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case on && r.silent == nil:
		r.silent = make(chan struct{})
	case !on && r.silent != nil:
		close(r.silent)
		r.silent = nil
	}
}
