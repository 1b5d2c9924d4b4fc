package httpapi

import (
	"container/list"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"
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
// one is closed which has waited the longest without a whole request, so that
// many who only connect, or send header or body slowly, keep nobody out.
type connections struct {
	net.Listener
	most int
	log  *zap.Logger

	mu      sync.Mutex
	told    time.Time // when the log was told last that all are in use
	open    int
	waiting list.List // of *connection; those without a whole request, the oldest first
}

type connection struct {
	net.Conn
	all *connections

	// guarded by connections.mu
	closed bool
	at     *list.Element // in waiting; nil while it has a whole request
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
		tell := full && time.Since(l.told) > time.Minute
		if tell {
			l.told = time.Now()
		}
		if !full {
			c.at = l.waiting.PushBack(c)
		}
		l.mu.Unlock()
		if tell {
			l.log.Warn("connections are refused: all that there may be have a request; the process may open more files if its limit is raised", zap.Int("connections", l.most))
		}
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
	c.all.mu.Lock()
	if !c.closed {
		c.closed = true
		c.all.open--
		c.all.unpark(c)
	}
	c.all.mu.Unlock()
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

// connectionKey is the context key of *connection.
type connectionKey struct{}

// context gives the requests of a connection a way to find it.
func (l *connections) context(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, own(c))
}

// own returns our connection under what net/http has; nil if there is none.
func own(c net.Conn) *connection {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	ours, _ := c.(*connection)
	return ours
}

// state is told by net/http how a connection is. It is active as soon as its
// header has been read.
func (l *connections) state(c net.Conn, state http.ConnState) {
	own(c).await(state == http.StateNew || state == http.StateIdle)
}

// awaiting notes whether the connection of a request still awaits a part of it.
func awaiting(ctx context.Context, yes bool) {
	c, _ := ctx.Value(connectionKey{}).(*connection)
	c.await(yes)
}

func (c *connection) await(yes bool) {
	if c == nil { // a test's recorder
		return
	}
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.all.unpark(c)
	if yes && !c.closed {
		c.at = c.all.waiting.PushBack(c)
	}
}
