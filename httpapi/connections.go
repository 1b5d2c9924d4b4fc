package httpapi

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"syscall"
)

// mostConnections bounds the default of Options.MaxConnections.
const mostConnections = 20_000

// defaultConnections is half of the files that the process may have open: the
// store, the links and the webhooks need some too.
func defaultConnections() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 512
	}
	return int(min(mostConnections, max(64, limit.Cur/2)))
}

// connections bounds how many connections are open. When one more comes, that
// one is closed which has waited the longest without a request, so that many who
// only connect, or send their headers slowly, keep nobody out.
type connections struct {
	net.Listener
	most int

	mu      sync.Mutex
	open    int
	waiting list.List // of *connection; those that have no request, the oldest first
}

type connection struct {
	net.Conn
	all  *connections
	once sync.Once
	at   *list.Element // in waiting; nil while it has a request
}

// Accept implements net.Listener.
func (l *connections) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &connection{Conn: raw, all: l}
		l.mu.Lock()
		l.open++
		var oldest *connection
		if l.open > l.most {
			if e := l.waiting.Front(); e != nil {
				oldest = e.Value.(*connection)
			}
		}
		full := l.open > l.most && oldest == nil
		if !full {
			c.at = l.waiting.PushBack(c)
		}
		l.mu.Unlock()
		if oldest != nil {
			_ = oldest.Close() // nothing is lost with it
		}
		if !full {
			return c, nil
		}
		_ = c.Close() // all the others are being served
	}
}

// Close implements net.Conn.
func (c *connection) Close() error {
	c.once.Do(func() {
		c.all.mu.Lock()
		c.all.open--
		c.all.unpark(c)
		c.all.mu.Unlock()
	})
	return c.Conn.Close()
}

// CloseWrite ends our side only. net/http looks for it, to let callers read the
// answer to what it does not want to read to its end.
func (c *connection) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return nil
	}
	return half.CloseWrite()
}

// unpark takes a connection off the waiting ones; l.mu is held.
func (l *connections) unpark(c *connection) {
	if c.at != nil {
		l.waiting.Remove(c.at)
		c.at = nil
	}
}

// state is told by net/http how a connection is. It is active as soon as its
// header has been read.
func (l *connections) state(c net.Conn, state http.ConnState) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	own, ok := c.(*connection)
	if !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unpark(own)
	if state == http.StateNew || state == http.StateIdle {
		own.at = l.waiting.PushBack(own)
	}
}
