package httpapi

import (
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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

// counted counts the connections that a listener has let in, while it has served fewer requests.
type counted struct {
	net.Listener
	in, served atomic.Int64
	ahead      int64 // at most
}

func (l *counted) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	l.ahead = max(l.ahead, l.in.Add(1)-l.served.Load())
	return c, err
}

func (l *counted) ServeHTTP(http.ResponseWriter, *http.Request) { l.served.Add(1) }

// Of many callers who come at once each is served when it is let in, so that none of all else the
// process does has to wait behind them.
func TestConnectionsAreServedAsTheyCome(t *testing.T) {
	const callers = 200
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	for range callers {
		c, err := net.Dial("tcp", raw.Addr().String())
		require.NoError(t, err)
		defer c.Close()
		_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
	}
	l := &counted{Listener: &connections{Listener: raw, most: 4 * callers, log: zap.NewNop()}}
	s := &http.Server{Handler: l}
	served := make(chan error)
	go func() { served <- s.Serve(l) }()
	for l.served.Load() < callers {
		time.Sleep(time.Millisecond)
	}
	require.NoError(t, s.Close())
	<-served
	if l.ahead > callers/10 {
		t.Errorf("%d were let in before they were served", l.ahead)
	}
}
