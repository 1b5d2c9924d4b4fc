package httpapi

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener in process, so that a test need not wait for its clock.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// crowdMember is the server's end of a connection.
type crowdMember struct{ net.Conn }

func (crowdMember) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.ParseIP(crowdNetwork), Port: 1}
}

// crowded is a server whose places for one network of strangers are taken.
type crowded struct {
	*testing.T
	*Server
	pipes
	ended chan int // statuses, as the access log has them
}

const crowdNetwork = "192.0.2.1"

func newCrowded(t *testing.T, connections int) *crowded {
	done := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") })
	x := &crowded{t, nil, make(pipes), make(chan int, 100)}
	x.Server = NewServer(New(Options{MaxConnections: connections, Tokens: []Token{{Name: "t", Hash: sha256.Sum256([]byte("right"))}}, OnRequest: func(r Request) { x.ended <- r.Status }}, Mount{
		Prefix: "/door", Routes: []Route{{Method: "POST", Path: "/door"}}, Stranger: NewStranger("who are you?", nil),
		Admit: func(*http.Request, string) Admission { return Admission{Route: "/door"} },
	}, Mount{Prefix: "/v1", Routes: []Route{{Method: "GET", Path: "/v1/x", Handler: done}, {Method: "HEAD", Path: "/v1/x", Handler: done}}}))
	x.connections.Listener, x.served = x.pipes, make(chan struct{})
	go func() {
		defer close(x.served)
		_ = x.http.Serve(x.connections)
	}()
	x.crowd()
	return x
}

// crowd takes all places.
func (x *crowded) crowd() {
	network := networkOf(netip.MustParseAddr(crowdNetwork))
	for ok := true; ok; {
		_, ok = x.live.strangers.turn(network, nil)
	}
}

// ask sends a request, and returns the connection.
func (x *crowded) ask(method, path, header string) net.Conn {
	x.Helper()
	ours, theirs := net.Pipe()
	x.pipes <- crowdMember{theirs}
	if _, err := fmt.Fprintf(ours, "%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", method, path, header); err != nil {
		x.Fatal(err)
	}
	return ours
}

// answer reads the answer to a request; nil: the connection was closed without one.
func (x *crowded) answer(c net.Conn, method string) (r *http.Response, body string, took time.Duration) {
	x.Helper()
	start := time.Now()
	_ = c.SetReadDeadline(start.Add(time.Minute))
	in := bufio.NewReader(c)
	r, err := http.ReadResponse(in, &http.Request{Method: method})
	took = time.Since(start)
	if err != nil {
		return nil, err.Error(), took
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		x.Error(err)
	}
	if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 || time.Since(start) > took+time.Second {
		x.Errorf("after the answer: %q, %v, %v", rest, err, time.Since(start)-took)
	}
	return r, string(data), took
}

// A stranger that finds no place to wait is answered late, whatever it has asked for, and its
// connection is closed. The access log has it at once.
func TestTarpit(t *testing.T) {
	for _, c := range []struct {
		method, path, header string
		status               int
		body                 string
	}{
		{"POST", "/door", "Content-Length: 0\r\n", 401, "who are you?"},
		{"POST", "/door", "X-Request-Id: mine\r\nContent-Length: 2\r\n\r\nhi", 401, "who are you?"},
		{"GET", "/v1/x", "", 401, "No credentials"},
		{"HEAD", "/v1/x", "Authorization: Bearer wrong\r\n", 403, ""},
		{"GET", "/v1/x", "Authorization: Bearer wrong\r\n", 403, "not accepted"},
		{"GET", "/nothing", "", 404, "nothing at this path"},
		{"PUT", "/v1/x", "", 405, "use"},
		{"GET", "/v1/x", "Sec-Fetch-Site: cross-site\r\n", 403, "another site"},
	} {
		t.Run(c.method+" "+c.path+" "+c.header, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newCrowded(t, 100)
				conn := x.ask(c.method, c.path, c.header)
				if status := <-x.ended; status != c.status {
					t.Errorf("the log has %d", status)
				}
				r, body, took := x.answer(conn, c.method)
				if r == nil || r.StatusCode != c.status || !r.Close || !strings.Contains(body, c.body) || (c.body == "") != (body == "") {
					t.Fatalf("%+v %q", r, body)
				}
				if took < 5*time.Second || took > 10*time.Second+200*time.Millisecond {
					t.Errorf("after %v", took)
				}
				if r.Header.Get("X-Request-Id") == "" || r.Header.Get("Date") == "" || c.status == 401 && len(r.Header["Www-Authenticate"]) != 2 || strings.Contains(c.header, "mine") && r.Header.Get("X-Request-Id") != "mine" {
					t.Errorf("%v", r.Header)
				}
				if n := x.Handler().Strangers(); n.Late != 1 || n.Closed != 1 { // that of crowd
					t.Errorf("%+v", n)
				}
				if r, _, took := x.answer(x.ask("GET", "/v1/x", "Authorization: Bearer right\r\n"), "GET"); r == nil || r.StatusCode != 200 || took > 0 {
					t.Errorf("who is known: %v after %v", r, took)
				}
				_ = x.Stop(t.Context())
			})
		})
	}
}

// The tarpit has a part of the connections. Over it a stranger is answered at once; a
// connection in it makes room for another caller, and a stop waits for none.
func TestTarpitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newCrowded(t, 16) // of which one network has 8
		var in []net.Conn
		for range 4 {
			in = append(in, x.ask("POST", "/door", "Content-Length: 0\r\n"))
			<-x.ended
		}
		r, _, took := x.answer(x.ask("POST", "/door", "Content-Length: 0\r\n"), "POST")
		if r == nil || r.StatusCode != 401 || !r.Close || took > time.Second {
			t.Errorf("one too many: %v after %v", r, took)
		}
		if n := x.Handler().Strangers(); n.InTarpit != 4 || n.MostInTarpit != 4 || n.Late != 4 || n.Closed != 2 {
			t.Errorf("%+v", n)
		}
		var idle []net.Conn
		for range 5 { // with the four, one more than 8
			ours, theirs := net.Pipe()
			x.pipes <- crowdMember{theirs}
			idle = append(idle, ours)
		}
		synctest.Wait()
		if r, _, took := x.answer(in[0], "POST"); r != nil || took > 0 {
			t.Errorf("the first of them: %v after %v", r, took)
		}
		if err := x.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		for _, c := range append(in[1:], idle...) {
			if r, _, took := x.answer(c, "POST"); r != nil || took > 0 {
				t.Errorf("after a stop: %v after %v", r, took)
			}
		}
		time.Sleep(time.Minute) // what was begun ends
		if n := x.Handler().Strangers(); n.InTarpit != 0 {
			t.Errorf("%+v", n)
		}
	})
}

// timed is a connection that notes when it is written to.
type timed struct {
	net.Conn
	at chan<- time.Time
}

func (c timed) Write(b []byte) (int, error) {
	c.at <- time.Now()
	return len(b), nil
}
func (timed) SetWriteDeadline(time.Time) error { return nil }
func (timed) Close() error                     { return nil }

// Those who came together do not come back together: few of them are answered at a time.
func TestTarpitSpreads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 500
		p, answers := newTarpit(tarpitPart*many), make(chan time.Time, many)
		for range many {
			if !p.reserve() {
				t.Fatal("no place")
			}
			p.put(lateConnection{timed{at: answers}, nil})
		}
		time.Sleep(time.Minute)
		together := make(map[time.Time]int)
		for range many {
			together[<-answers]++
		}
		for at, n := range together {
			if n > many/10 {
				t.Errorf("%d of %d are answered at %v", n, many, at)
			}
		}
	})
}
