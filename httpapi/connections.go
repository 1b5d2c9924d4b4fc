package httpapi

import (
	"container/list"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
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
	most   int
	trusts func(netip.Addr) bool // whether an address is a proxy's; nil: none is
	log    *zap.Logger

	mu   sync.Mutex
	of   map[netip.Prefix]*party // by network
	told time.Time               // when the log was told last that all are in use
	open int
	line line
}

// party is who has connections from one network: half of all at most, so that one
// that keeps them busy leaves some for the others.
type party struct {
	open int
	line line
}

// line is a list of connections: those without a whole request, the oldest first, then
// a divider, then those with one. To move one costs no memory.
type line struct {
	list    list.List // of *connection; the divider has none
	divider *list.Element
}

// add puts a connection behind those that have a whole request.
func (l *line) add(c *connection) *list.Element {
	if l.divider == nil {
		l.divider = l.list.PushBack(nil)
	}
	return l.list.PushBack(c)
}

// oldest returns who has waited the longest without a whole request; nil if nobody does.
func (l *line) oldest() *connection {
	if e := l.list.Front(); e != nil && e != l.divider {
		return e.Value.(*connection)
	}
	return nil
}

type connection struct {
	net.Conn
	all     *connections
	network netip.Prefix
	party   *party

	// guarded by connections.mu
	closed  bool
	at, own *list.Element // in the line of all, and in that of its party
}

// Accept implements net.Listener.
func (l *connections) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		addr := parseAddress(raw.RemoteAddr().String())
		c := &connection{Conn: raw, all: l, network: networkOf(addr)}
		l.mu.Lock()
		l.join(c)
		over, among := l.open > l.most, &l.line
		if c.party.open > l.share(addr) {
			over, among = true, &c.party.line
		}
		var oldest *connection
		if over {
			oldest = among.oldest()
		}
		full := over && oldest == nil
		tell := full && time.Since(l.told) > time.Minute
		if tell {
			l.told = time.Now()
		}
		if !full {
			l.park(c)
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
		c.all.leave(c)
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

// share is how many connections an address may have. A trusted proxy stands for many.
func (l *connections) share(addr netip.Addr) int {
	if l.most < 4 || l.trusts != nil && l.trusts(addr) {
		return l.most
	}
	return l.most / 2
}

// join counts a connection, and leave takes it out; l.mu is held, as in the next.
func (l *connections) join(c *connection) {
	if l.of == nil {
		l.of = make(map[netip.Prefix]*party)
	}
	p := l.of[c.network]
	if p == nil {
		p = new(party)
		l.of[c.network] = p
	}
	c.party = p
	p.open++
	l.open++
	c.at, c.own = l.line.add(c), p.line.add(c)
}

func (l *connections) leave(c *connection) {
	l.open--
	l.line.list.Remove(c.at)
	c.party.line.list.Remove(c.own)
	if c.party.open--; c.party.open == 0 {
		delete(l.of, c.network)
	}
}

// park puts a connection behind the waiting ones, and unpark takes it off them.
func (l *connections) park(c *connection) {
	l.line.list.MoveBefore(c.at, l.line.divider)
	c.party.line.list.MoveBefore(c.own, c.party.line.divider)
}

func (l *connections) unpark(c *connection) {
	l.line.list.MoveToBack(c.at)
	c.party.line.list.MoveToBack(c.own)
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

// state notes the state of a connection; net/http calls it. A connection is active as soon as its
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
	switch {
	case c.closed:
	case yes:
		c.all.park(c)
	default:
		c.all.unpark(c)
	}
}
