package webhook

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"stanzahook/pkg/outbound"
	"stanzahook/pkg/socket"
)

const (
	plainDial   = 10 * time.Second
	plainIdle   = 90 * time.Second
	plainBuffer = 4 << 10
	plainKept   = 64 << 10 // a connection that is kept holds no more, in bytes
)

// pool keeps the open connections to a bot. Their number is bounded by the attempts in
// flight.
type pool struct {
	network string // tcp or unix
	addr    string
	dialer  *net.Dialer
	timeout time.Duration

	mu     sync.Mutex
	idle   []*plainConn            // the last used one at the end
	conns  map[*plainConn]struct{} // all
	reaper *time.Timer             // set while some are idle
	over   bool
}

// plainConn is one connection, with what a request needs.
type plainConn struct {
	net.Conn
	pool  *pool
	in    *bufio.Reader
	left  int // bytes that may still be read
	out   []byte
	probe *outbound.Probe
	used  bool
	since time.Time // idle

	contentType, mediaType string // of the last answer that was quick
}

// Read bounds the head of an answer.
func (c *plainConn) Read(b []byte) (int, error) {
	if c.left <= 0 {
		return 0, fmt.Errorf("the head of the answer is longer than %d KiB", outbound.MaxHeadBytes>>10)
	}
	n, err := c.Conn.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}

func (p *pool) init(network, addr string, dialer *net.Dialer, timeout time.Duration) {
	p.network, p.addr, p.dialer, p.timeout, p.conns = network, addr, dialer, timeout, make(map[*plainConn]struct{})
}

// get returns an idle connection, or a new one.
func (p *pool) get() (*plainConn, error) {
	if c := p.take(); c != nil {
		return c, nil
	}
	return p.dial()
}

// take returns the idle connection that was used last; nil if there is none.
func (p *pool) take() *plainConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	c := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	return c
}

func (p *pool) dial() (*plainConn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), min(plainDial, p.timeout))
	defer cancel()
	conn, err := p.dialer.DialContext(ctx, p.network, p.addr)
	if err != nil {
		return nil, err
	}
	quick, err := socket.New(conn, false)
	if err != nil {
		_ = conn.Close() // nothing was sent
		return nil, err
	}
	c := &plainConn{Conn: quick, pool: p, probe: outbound.NewProbe(quick)}
	c.in = bufio.NewReaderSize(c, plainBuffer)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	p.conns[c] = struct{}{}
	return c, nil
}

// put makes a connection idle, or closes it if it cannot be used again.
func (p *pool) put(c *plainConn, again bool) {
	if cap(c.out) > plainKept {
		c.out = nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !again || p.over {
		p.drop(c)
		return
	}
	c.used, c.since = true, time.Now()
	p.idle = append(p.idle, c)
	if p.reaper == nil {
		p.reaper = time.AfterFunc(plainIdle, p.reap)
	}
}

// drop closes a connection; p.mu is held.
func (p *pool) drop(c *plainConn) {
	delete(p.conns, c)
	_ = c.Close() // nothing is lost with it
}

// reap closes connections that were idle for plainIdle.
func (p *pool) reap() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, n := time.Now(), 0
	for n < len(p.idle) && now.Sub(p.idle[n].since) >= plainIdle {
		p.drop(p.idle[n])
		n++
	}
	p.idle = append(p.idle[:0:0], p.idle[n:]...)
	if p.reaper = nil; len(p.idle) > 0 && !p.over {
		p.reaper = time.AfterFunc(plainIdle-now.Sub(p.idle[0].since), p.reap)
	}
}

// abort closes all connections.
func (p *pool) abort() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	for c := range p.conns {
		_ = c.Close() // a request in flight fails
	}
	p.idle = nil
	if p.reaper != nil {
		p.reaper.Stop()
	}
}
