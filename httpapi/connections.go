package httpapi

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/socket"
)

// mostConnections bounds the default of Options.MaxConnections.
const mostConnections = 20_000

// defaultConnections returns half of the files that the process may open: the store, the
// links and the webhooks need some too.
func defaultConnections() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 512
	}
	return int(min(mostConnections, max(64, limit.Cur/2)))
}

// connections is a listener that bounds the open connections. One too many closes the
// connection that has waited longest without a whole request, so that clients that only
// connect, or send slowly, keep nobody out.
type connections struct {
	net.Listener
	most   int
	trusts func(netip.Addr) bool // whether an address is a proxy's; nil: none is
	log    *zap.Logger

	headerTimeout time.Duration // as in net/http, for connections that it does not have yet
	crowd         *crowd        // nil: there is none for this kind of listener

	mu     sync.Mutex
	of     map[netip.Prefix]*party // by network
	warned time.Time               // when the log last had that all are busy
	open   int
	line   line
}

// party is the connections from one network: at most half of all, so that one network
// that keeps them busy leaves some for the others.
type party struct {
	open int
	line line
}

// line is a list of connections: those without a whole request, the oldest first, a
// divider, and those with one. Moving a connection allocates nothing.
type line struct {
	list    list.List // of *connection; that of the divider is nil
	divider *list.Element
}

// add puts a connection at the end, as one with a whole request.
func (l *line) add(c *connection) *list.Element {
	if l.divider == nil {
		l.divider = l.list.PushBack(nil)
	}
	return l.list.PushBack(c)
}

// oldest returns the connection that has waited longest without a whole request; nil if
// none waits.
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
	at, own *list.Element // in the line of all, and of its party
}

// Accept implements net.Listener.
func (l *connections) Accept() (net.Conn, error) {
	for {
		if c, err := l.crowd.accept(); c != nil || err != nil {
			return c, err
		}
		runtime.Gosched() // those that were let in are served first: all else would wait behind a thousand of them
		raw, err := l.Listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				l.crowd.close()
			}
			return nil, err
		}
		if c := l.add(quick(raw), parseAddress(raw.RemoteAddr().String())); c != nil {
			return c, nil
		}
	}
}

// Close implements net.Listener.
func (l *connections) Close() error {
	err := l.Listener.Close()
	l.crowd.stop()
	return err
}

// quick returns a connection that is read and written at less cost, if it is a socket.
func quick(raw net.Conn) net.Conn {
	if c, err := socket.New(raw, false); err == nil {
		return c
	}
	return raw
}

// add makes room for a connection, and returns it; nil: there is none, and it was closed.
func (l *connections) add(raw net.Conn, addr netip.Addr) *connection {
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
	warn := full && time.Since(l.warned) > time.Minute
	if warn {
		l.warned = time.Now()
	}
	if !full {
		l.park(c)
	}
	l.mu.Unlock()
	if warn {
		l.log.Warn("connection refused", zap.String("hint", "all are busy; raise LimitNOFILE to allow more"), zap.Int("connections", l.most))
	}
	if oldest != nil {
		_ = oldest.Close() // it has no whole request
	}
	if full {
		_ = c.Close() // all the others are being served
		return nil
	}
	return c
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

// CloseWrite closes only our side. net/http calls it, so that callers can read the answer
// to a request whose body it does not read to the end.
func (c *connection) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return nil
	}
	return half.CloseWrite()
}

// share returns how many connections an address may have. A trusted proxy has many clients.
func (l *connections) share(addr netip.Addr) int {
	if l.most < 4 || l.trusts != nil && l.trusts(addr) {
		return l.most
	}
	return l.most / 2
}

// join adds a connection, and leave removes it. l.mu is held, also in park and unpark.
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

// park puts a connection behind the waiting ones, and unpark removes it from them.
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

// context adds a connection to the context of its requests.
func (l *connections) context(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, own(c))
}

// own returns our connection under that of net/http; nil if there is none.
func own(c net.Conn) *connection {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	ours, _ := c.(*connection)
	return ours
}

// state is called by net/http. A connection is active once its header was read. A new one awaits
// its first since it was accepted.
func (l *connections) state(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateIdle:
		own(c).await(true)
	case http.StateActive:
		own(c).await(false)
	}
}

// awaiting records whether a part of the request is still to come.
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
