// Package accounttest is a server for the logins of XMPP clients in process, as
// net/http/httptest is for HTTP: a [Server] listens on loopback, logs in the
// users it is given, takes what they send, and does wrong what a test asks for.
package accounttest

import (
	"crypto/x509"
	"net"
	"sync"
	"time"

	"stanzahook/pkg/stanza"
)

// TB is what the server needs of a testing.TB.
type TB interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// Options say what the server offers.
type Options struct {
	Host       string            // default example.com
	Users      map[string]string // localpart -> password
	Mechanisms []string          // default SCRAM-SHA-256, SCRAM-SHA-1, PLAIN
	StartTLS   bool              // offered, and needed before a login
	DirectTLS  bool
	Acks       bool   // XEP-0198
	Refuse     string // the condition with which every login fails
	Iterations int    // of SCRAM; default 4096
	NoProof    bool   // SCRAM ends without the server's signature
}

// Server is the server's side of any number of clients.
type Server struct {
	t    TB
	o    Options
	l    net.Listener
	cert certificate
	wg   sync.WaitGroup

	mu      sync.Mutex
	cond    *sync.Cond
	conns   map[*client]bool
	logins  int
	tried   int
	goodbye int
	taken   []*stanza.Stanza
	silent  bool
	limit   int
	ended   bool
	used    []string
}

// NewServer starts a server; it ends with the test.
func NewServer(t TB, o Options) *Server {
	t.Helper()
	return Start(t, "127.0.0.1:0", o)
}

// Start starts a server at an address.
func Start(t TB, addr string, o Options) *Server {
	t.Helper()
	if o.Host == "" {
		o.Host = "example.com"
	}
	if o.Mechanisms == nil {
		o.Mechanisms = []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"}
	}
	if o.Iterations == 0 {
		o.Iterations = 4096
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, o: o, l: l, conns: make(map[*client]bool)}
	s.cond = sync.NewCond(&s.mu)
	if o.StartTLS || o.DirectTLS {
		s.cert = newCertificate(t, o.Host)
	}
	s.wg.Go(s.accept)
	t.Cleanup(s.Close)
	return s
}

func (s *Server) accept() {
	for {
		conn, err := s.l.Accept()
		if err != nil {
			return
		}
		c := &client{server: s, conn: conn}
		s.mu.Lock()
		s.conns[c] = true
		s.mu.Unlock()
		s.wg.Go(func() {
			c.serve()
			_ = conn.Close()
			s.mu.Lock()
			delete(s.conns, c)
			s.cond.Broadcast()
			s.mu.Unlock()
		})
	}
}

// Addr returns host:port.
func (s *Server) Addr() string { return s.l.Addr().String() }

// CAs returns who vouches for the server's certificate.
func (s *Server) CAs() *x509.CertPool { return s.cert.pool }

// Close ends the server and its connections.
func (s *Server) Close() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	_ = s.l.Close()
	s.Drop()
	s.wg.Wait()
}

// Drop closes all connections without a word.
func (s *Server) Drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.conn.Close()
	}
}

// Silence makes the server confirm nothing any more, or again.
func (s *Server) Silence(yes bool) {
	s.mu.Lock()
	s.silent = yes
	s.mu.Unlock()
}

// Limit makes the server close the stream over a message of more bytes.
func (s *Server) Limit(bytes int) {
	s.mu.Lock()
	s.limit = bytes
	s.mu.Unlock()
}

// Tried and Logins return how many logins were begun and let in; Goodbyes how
// many clients have closed their streams; Open how many are connected.
func (s *Server) Tried() int    { return s.get(&s.tried) }
func (s *Server) Logins() int   { return s.get(&s.logins) }
func (s *Server) Goodbyes() int { return s.get(&s.goodbye) }

func (s *Server) get(n *int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *n
}

// Open returns how many clients are connected.
func (s *Server) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Mechanisms returns by which mechanisms clients have begun to log in.
func (s *Server) Mechanisms() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.used...)
}

// Taken returns the messages that came, and forgets them.
func (s *Server) Taken() []*stanza.Stanza {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.taken
	s.taken = nil
	return out
}

// Send writes raw bytes to all clients that are logged in.
func (s *Server) Send(xml string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_, _ = c.conn.Write([]byte(xml)) // a client that has gone needs nothing
	}
}

// Await waits until something holds; it is looked at whenever the server has
// done something.
func (s *Server) Await(what string, holds func() bool) {
	s.t.Helper()
	late := time.AfterFunc(10*time.Second, s.cond.Broadcast)
	defer late.Stop()
	deadline := time.Now().Add(10 * time.Second)
	for {
		if holds() {
			return
		}
		s.mu.Lock()
		if !time.Now().Before(deadline) {
			s.mu.Unlock()
			s.t.Fatalf("in vain: %s", what)
		}
		poll := time.AfterFunc(5*time.Millisecond, s.cond.Broadcast)
		s.cond.Wait()
		poll.Stop()
		s.mu.Unlock()
	}
}
