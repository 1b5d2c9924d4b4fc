// Package accounttest is an XMPP server for clients in process, for tests, as
// net/http/httptest is for HTTP: a [Server] listens on loopback, logs in the given
// users, records what they send, and misbehaves as a test demands.
package accounttest

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"sync"
	"time"

	"stanzahook/pkg/stanza"
)

// TB is the part of testing.TB that the server needs.
type TB interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// Options configure a server.
type Options struct {
	Host       string            // default example.com
	Users      map[string]string // localpart -> password
	Mechanisms []string          // default SCRAM-SHA-256, SCRAM-SHA-1, PLAIN
	StartTLS   bool              // offered, and required before a login
	DirectTLS  bool
	Acks       bool   // XEP-0198
	Refuse     string // the condition with which every login fails
	Iterations int    // of SCRAM; default 4096
	NoProof    bool   // SCRAM ends without the server's signature
}

// Server is the server side of any number of clients.
type Server struct {
	t    TB
	o    Options
	l    net.Listener
	cert tls.Certificate
	pool *x509.CertPool
	wg   sync.WaitGroup

	mu       sync.Mutex
	cond     *sync.Cond
	conns    map[*client]bool
	logins   int
	tried    int
	goodbye  int
	received []*stanza.Stanza
	silent   bool
	limit    int
	ended    bool
	used     []string
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
		s.cert, s.pool = NewCertificate(t, o.Host)
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

// CAs returns the certificate authorities of the server.
func (s *Server) CAs() *x509.CertPool { return s.pool }

// Close ends the server and its connections.
func (s *Server) Close() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	_ = s.l.Close()
	s.Drop()
	s.wg.Wait()
}

// Drop closes all connections without </stream:stream>.
func (s *Server) Drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.conn.Close()
	}
}

// Silence stops or resumes the confirmations of the server.
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

// Tried and Logins return how many logins began and succeeded; Goodbyes returns how
// many clients closed their streams.
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

// Mechanisms returns the mechanisms that clients used, in order.
func (s *Server) Mechanisms() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.used...)
}

// Received returns the received messages, and forgets them.
func (s *Server) Received() []*stanza.Stanza {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.received
	s.received = nil
	return out
}

// Send writes raw bytes to all clients that are logged in.
func (s *Server) Send(xml string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_, _ = c.conn.Write([]byte(xml)) // an error means that the client is gone
	}
}

// Await waits until holds returns true. It calls holds after each action of the
// server, and every few milliseconds.
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
			s.t.Fatalf("did not happen: %s", what)
		}
		poll := time.AfterFunc(5*time.Millisecond, s.cond.Broadcast)
		s.cond.Wait()
		poll.Stop()
		s.mu.Unlock()
	}
}
