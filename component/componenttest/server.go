// Package componenttest is the server's side of XEP-0114 in process, as
// net/http/httptest is HTTP's: a [Server] listens on loopback, accepts the
// component's handshake, routes the component's messages to itself back (as
// real servers do, which is what markers rely on), and lets a test send and
// expect stanzas.
//
//	srv := componenttest.NewServer(t, "bot.example.com", "secret")
//	// … connect a component to srv.Addr() …
//	srv.Send(`<message from='u@example.com/r' to='bot.example.com' id='1'/>`)
//	reply := srv.Expect("reply", func(s *stanza.Stanza) bool { return s.ID == "1" })
package componenttest

import (
	"crypto/sha1" // #nosec G505 -- XEP-0114
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"stanzahook/pkg/stanza"
)

// patience is how long Expect waits.
const patience = 10 * time.Second

// Server is the server's side of component connections, one at a time.
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
	refuse     string
	prelude    string
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

// Close ends the server and its connection, without a goodbye, as real servers
// do.
func (s *Server) Close() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	_ = s.l.Close()
	s.Drop()
	s.wg.Wait()
}

// Drop closes the component's connection without a word.
func (s *Server) Drop() {
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if conn != nil {
		_ = conn.Close()
	}
}

// Refuse makes the server answer handshakes with this stream error, such as
// "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"; "" accepts again.
func (s *Server) Refuse(streamError string) {
	s.mu.Lock()
	s.refuse = streamError
	s.mu.Unlock()
}

// SwallowMarkers stops or resumes routing the component's own messages back.
func (s *Server) SwallowMarkers(yes bool) {
	s.mu.Lock()
	s.swallow = yes
	s.mu.Unlock()
}

// Limit makes the server close the stream over a stanza of more bytes, as
// ejabberd does.
func (s *Server) Limit(bytes int) {
	s.mu.Lock()
	s.limit = bytes
	s.mu.Unlock()
}

// Forget makes the server drop what it receives, for benchmarks.
func (s *Server) Forget() {
	s.mu.Lock()
	s.forget = true
	s.mu.Unlock()
}

// Prelude is sent in the same write as <handshake/>.
func (s *Server) Prelude(xml string) {
	s.mu.Lock()
	s.prelude = xml
	s.mu.Unlock()
}

// WaitConnected waits for the nth handshake that was accepted, from 1.
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

// Expect returns the first stanza that matches, among those that came and
// those that come within ten seconds, and removes it. What is for in the
// failure's words.
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

// Received returns all stanzas, markers left out, that came and were not
// expected yet.
func (s *Server) Received() []*stanza.Stanza {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*stanza.Stanza(nil), s.inbox...)
}

// Bad returns what came and was no stanza a server would accept.
func (s *Server) Bad() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.bad...)
}

// Transcript returns what was said, to be read by people.
func (s *Server) Transcript() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.transcript.String()
}

func (s *Server) wait(done func() bool) bool {
	late := time.AfterFunc(patience, s.cond.Broadcast)
	defer late.Stop()
	deadline := time.Now().Add(patience)
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

func (s *Server) accept() {
	defer s.wg.Done()
	for {
		conn, err := s.l.Accept()
		if err != nil {
			return
		}
		s.wg.Add(1)
		go func() {
			defer s.wg.Done()
			defer conn.Close()
			s.serve(conn)
		}()
	}
}

func (s *Server) serve(conn net.Conn) {
	r := stanza.NewReader(conn, stanza.Limits{MaxBytes: 1 << 20})
	if _, err := r.Open(); err != nil {
		return
	}
	const id = "3BF96D32"
	if _, err := fmt.Fprintf(conn, "<?xml version='1.0'?><stream:stream xmlns:stream='%s' xmlns='%s' from='%s' id='%s'>", stanza.NSStream, stanza.NSComponent, s.domain, id); err != nil {
		return
	}
	hand, err := r.Next()
	if err != nil {
		return
	}
	sum := sha1.Sum([]byte(id + s.secret)) // #nosec G401
	s.mu.Lock()
	refuse, prelude := s.refuse, s.prelude
	s.mu.Unlock()
	if refuse == "" && string(hand) != "<handshake>"+hex.EncodeToString(sum[:])+"</handshake>" {
		refuse = "<not-authorized xmlns='" + stanza.NSStreams + "'/>"
	}
	if refuse != "" {
		_, _ = fmt.Fprintf(conn, "<stream:error>%s</stream:error></stream:stream>", refuse)
		return
	}
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return
	}
	s.conn = conn
	s.accepted++
	s.mu.Unlock()
	if _, err := conn.Write([]byte("<handshake/>" + prelude)); err != nil {
		return
	}
	s.cond.Broadcast()
	s.read(conn, r)
	s.mu.Lock()
	if s.conn == conn {
		s.conn = nil
	}
	s.mu.Unlock()
}

// read takes what the component sends, and routes its markers back.
func (s *Server) read(conn net.Conn, r *stanza.Reader) {
	p := stanza.NewParser(stanza.Limits{MaxBytes: 1 << 20}, nil)
	for {
		raw, err := r.Next()
		if err != nil {
			return
		}
		x, err := p.Parse(string(raw))
		s.mu.Lock()
		if s.limit > 0 && len(raw) > s.limit {
			s.mu.Unlock()
			_, _ = fmt.Fprintf(conn, "<stream:error><policy-violation xmlns='%s'/><text xmlns='%s'>XML stanza is too big</text></stream:error></stream:stream>", stanza.NSStreams, stanza.NSStreams)
			return
		}
		switch {
		case err != nil || x.From.Domain() != s.domain || x.To.IsZero():
			s.bad = append(s.bad, string(raw))
			fmt.Fprintf(&s.transcript, "component: BAD %.500s\n", raw)
		case x.From == x.To:
			swallow := s.swallow
			s.mu.Unlock()
			if !swallow {
				if _, err := conn.Write(raw); err != nil {
					return
				}
			}
			continue
		case s.forget:
		default:
			s.inbox = append(s.inbox, x)
			fmt.Fprintf(&s.transcript, "component: %.500s\n", raw)
		}
		s.mu.Unlock()
		s.cond.Broadcast()
	}
}
