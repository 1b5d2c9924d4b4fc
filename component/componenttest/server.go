// Package componenttest is the server side of XEP-0114 in process, for tests, as
// net/http/httptest is for HTTP: a [Server] listens on loopback, accepts the
// component's handshake, routes messages of the component to itself back to it (as
// real servers do, and as markers need), and lets a test send and expect stanzas.
//
//	srv := componenttest.NewServer(t, "bot.example.com", "secret")
//	// … connect a component to srv.Addr() …
//	srv.Send(`<message from='u@example.com/r' to='bot.example.com' id='1'/>`)
//	reply := srv.Expect("reply", func(s *stanza.Stanza) bool { return s.ID == "1" })
package componenttest

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"stanzahook/pkg/stanza"
)

// expectTimeout is how long Expect waits.
const expectTimeout = 10 * time.Second

// Server is the server side of component connections, one at a time.
type Server struct {
	t              testing.TB
	domain, secret string
	l              net.Listener
	wg             sync.WaitGroup

	mu         sync.Mutex
	cond       *sync.Cond
	conn       net.Conn
	accepted   int
	inbox      []*stanza.Stanza
	bad        []string
	swallow    bool // markers are not routed back
	forget     bool
	limit      int
	goodbye    bool // the component closed its stream
	refuse     string
	prelude    string
	answer     func(*stanza.Stanza) string
	ended      bool
	transcript strings.Builder
}

// NewServer starts a server; it ends with the test.
func NewServer(t testing.TB, domain, secret string) *Server {
	t.Helper()
	s := Start(t, "127.0.0.1:0", domain, secret)
	t.Cleanup(s.Close)
	return s
}

// Start starts a server at an address, for tests that restart one.
func Start(t testing.TB, addr, domain, secret string) *Server {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, domain: domain, secret: secret, l: l}
	s.cond = sync.NewCond(&s.mu)
	s.wg.Add(1)
	go s.accept()
	return s
}

// Addr returns host:port.
func (s *Server) Addr() string { return s.l.Addr().String() }

// Close stops the server and closes its connection without </stream:stream>, as
// real servers do.
func (s *Server) Close() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	_ = s.l.Close()
	s.Drop()
	s.wg.Wait()
}

// Drop closes the component's connection without </stream:stream>.
func (s *Server) Drop() {
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if conn != nil {
		_ = conn.Close()
	}
}

func (s *Server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// Refuse makes the server answer handshakes with this stream error, such as
// "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"; "" accepts again.
func (s *Server) Refuse(streamError string) { s.set(func() { s.refuse = streamError }) }

// SwallowMarkers stops or resumes routing the component's own messages back.
func (s *Server) SwallowMarkers(yes bool) { s.set(func() { s.swallow = yes }) }

// Limit makes the server close the stream over a stanza of more bytes, as
// ejabberd does.
func (s *Server) Limit(bytes int) { s.set(func() { s.limit = bytes }) }

// Forget makes the server drop what it receives, for benchmarks.
func (s *Server) Forget() { s.set(func() { s.forget = true }) }

// Prelude is sent in the same write as <handshake/>.
func (s *Server) Prelude(xml string) { s.set(func() { s.prelude = xml }) }

// Answer makes the server answer each stanza with the result of f, which may be
// several stanzas. Expect finds the stanzas for which f returns "". f is called on
// one goroutine, in the order of the stream.
func (s *Server) Answer(f func(*stanza.Stanza) string) {
	s.mu.Lock()
	s.answer = f
	s.mu.Unlock()
}

// WaitConnected waits for the nth accepted handshake, from 1.
func (s *Server) WaitConnected(n int) {
	s.t.Helper()
	if !s.wait(func() bool { return s.accepted >= n }) {
		s.t.Fatalf("the component did not connect %d times; it did %d times", n, s.Accepted())
	}
}

// Accepted returns how many handshakes were accepted.
func (s *Server) Accepted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

// Send writes raw bytes to the component, which must be connected.
func (s *Server) Send(xml string) {
	s.t.Helper()
	if err := s.TrySend(xml); err != nil {
		s.t.Fatalf("send to the component: %v", err)
	}
}

// TrySend is Send for tests that expect it to fail.
func (s *Server) TrySend(xml string) error {
	s.mu.Lock()
	conn := s.conn
	fmt.Fprintf(&s.transcript, "server: %.500s\n", xml)
	s.mu.Unlock()
	if conn == nil {
		return errors.New("no component is connected")
	}
	_, err := conn.Write([]byte(xml))
	return err
}

// Expect returns the first stanza that matches and removes it. It waits up to ten
// seconds. what names the stanza in the failure message.
func (s *Server) Expect(what string, match func(*stanza.Stanza) bool) *stanza.Stanza {
	s.t.Helper()
	var got *stanza.Stanza
	ok := s.wait(func() bool {
		for i, x := range s.inbox {
			if match(x) {
				got = x
				s.inbox = append(s.inbox[:i], s.inbox[i+1:]...)
				return true
			}
		}
		return false
	})
	if !ok {
		s.t.Fatalf("%s did not come; so far:\n%s", what, s.Transcript())
	}
	return got
}

// ExpectID is Expect for the stanza with an id.
func (s *Server) ExpectID(id string) *stanza.Stanza {
	s.t.Helper()
	return s.Expect("a stanza with id "+id, func(x *stanza.Stanza) bool { return x.ID == id })
}

// ExpectGoodbye waits for the component to close its stream with
// </stream:stream>.
func (s *Server) ExpectGoodbye() {
	s.t.Helper()
	if !s.wait(func() bool { return s.goodbye }) {
		s.t.Fatal("the component did not close its stream")
	}
}

// Received returns all received stanzas that no Expect returned, without markers.
func (s *Server) Received() []*stanza.Stanza {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*stanza.Stanza(nil), s.inbox...)
}

// Bad returns what the component sent that a server would not accept.
func (s *Server) Bad() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.bad...)
}

// Transcript returns what was sent in both directions, for people.
func (s *Server) Transcript() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.transcript.String()
}

func (s *Server) wait(done func() bool) bool {
	late := time.AfterFunc(expectTimeout, s.cond.Broadcast)
	defer late.Stop()
	deadline := time.Now().Add(expectTimeout)
	s.mu.Lock()
	defer s.mu.Unlock()
	for !done() {
		if !time.Now().Before(deadline) {
			return false
		}
		s.cond.Wait()
	}
	return true
}
