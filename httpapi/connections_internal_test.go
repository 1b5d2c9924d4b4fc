package httpapi

import (
	"errors"
	"net"
	"testing"

	"go.uber.org/zap"
)

// queued is a listener with waiting connections.
type queued struct{ all []net.Conn }

func (q *queued) Accept() (net.Conn, error) {
	if len(q.all) == 0 {
		return nil, errors.New("no more")
	}
	c := q.all[0]
	q.all = q.all[1:]
	return c, nil
}

func (q *queued) Close() error   { return nil }
func (q *queued) Addr() net.Addr { return &net.TCPAddr{} }

// far is a connection from an address.
type far struct {
	net.Conn
	address string
	closed  bool
}

func (f *far) RemoteAddr() net.Addr {
	a, err := net.ResolveTCPAddr("tcp", f.address)
	if err != nil {
		panic(err)
	}
	return a
}

func (f *far) Close() error {
	f.closed = true
	return nil
}

// One address has at most half of the connections; one of them without a request makes
// room for a new one.
func TestConnectionsHaveShares(t *testing.T) {
	q := &queued{}
	l := &connections{Listener: q, most: 8, log: zap.NewNop()}
	accept := func(address string) (*far, *connection) {
		f := &far{address: address}
		q.all = []net.Conn{f}
		c, err := l.Accept()
		if err != nil {
			return f, nil // it was closed
		}
		return f, c.(*connection)
	}
	var greedy []*connection
	for range 4 {
		_, c := accept("[2001:db8::1]:1")
		c.await(false) // it has a request
		greedy = append(greedy, c)
	}
	if f, c := accept("[2001:db8::2]:1"); c != nil || !f.closed {
		t.Error("an address has more than half, all of them busy")
	}
	if _, c := accept("192.0.2.1:1"); c == nil {
		t.Error("another address gets none")
	}
	greedy[0].await(true)
	f, c := accept("[2001:db8::3]:1")
	if c == nil || f.closed || !greedy[0].Conn.(*far).closed {
		t.Error("its own idle one does not make room")
	}
	waiting := 0
	for e := l.line.list.Front(); e != l.line.divider; e = e.Next() {
		waiting++
	}
	if l.open != 5 || l.line.list.Len() != 6 || waiting != 2 || len(l.of) != 2 {
		t.Errorf("%d open, %d waiting, %d addresses", l.open, waiting, len(l.of))
	}
	for _, c := range append(greedy, c) {
		_ = c.Close()
	}
	if l.open != 1 || len(l.of) != 1 {
		t.Errorf("%d open, %d addresses", l.open, len(l.of))
	}
}
