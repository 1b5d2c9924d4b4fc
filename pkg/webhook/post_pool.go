package webhook

import (
	"bufio"
	"context"
	"net"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	plainDial   = 10 * time.Second
	plainIdle   = 90 * time.Second
	plainBuffer = 16 << 10 // bounds the header of an answer, in bytes
	plainKept   = 64 << 10 // a connection that is kept holds no more, in bytes
)

// pool keeps the connections to a bot that are open. There are as many as
// attempts are under way at a time, which others bound.
type pool struct {
	addr    string
	dialer  *net.Dialer
	timeout time.Duration

	mu     sync.Mutex
	idle   []*plainConn            // the one that was used last is at the end
	conns  map[*plainConn]struct{} // all
	reaper *time.Timer             // set while some are idle
	over   bool
}

// plainConn is one connection, with what a request needs.
type plainConn struct {
	net.Conn
	pool  *pool
	in    *bufio.Reader
	out   []byte
	resp  fasthttp.Response
	used  bool
	since time.Time // idle
}

func (p *pool) init(addr string, dialer *net.Dialer, timeout time.Duration) {
	p.addr, p.dialer, p.timeout, p.conns = addr, dialer, timeout, make(map[*plainConn]struct{})
}

// get returns a connection that is idle, or a new one.
func (p *pool) get() (*plainConn, error) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	return p.dial()
}

func (p *pool) dial() (*plainConn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), min(plainDial, p.timeout))
	defer cancel()
	conn, err := p.dialer.DialContext(ctx, "tcp", p.addr)
	if err != nil {
		return nil, err
	}
	c := &plainConn{Conn: conn, pool: p, in: bufio.NewReaderSize(conn, plainBuffer)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	p.conns[c] = struct{}{}
	return c, nil
}

// put takes a connection back, and closes it if it cannot be used again.
func (p *pool) put(c *plainConn, again bool) {
	if len(c.resp.Body()) > plainKept {
		c.resp = fasthttp.Response{}
	}
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

// reap closes what has been idle for long.
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

// abort breaks off what is under way.
func (p *pool) abort() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	for c := range p.conns {
		_ = c.Close() // whoever uses it will see
	}
	p.idle = nil
	if p.reaper != nil {
		p.reaper.Stop()
	}
}
