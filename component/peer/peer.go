// Package peer is the server side of XEP-0114 in process: a [Server] listens on
// loopback, accepts the component's handshake, routes messages of the component to
// itself back to it (as real servers do, and as markers need), and sends and receives
// stanzas. "stanzahook dev" plays users over it, and package componenttest tests.
//
//	srv, err := peer.Listen("127.0.0.1:0", "bot.example.com", "secret")
//	// … connect a component to srv.Addr() …
//	err = srv.Send(`<message from='u@example.com/r' to='bot.example.com' id='1'/>`)
package peer

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"stanzahook/pkg/stanza"
)

// Server is the server side of component connections, one at a time.
type Server struct {
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
	transcript []string // the last lines; the oldest is at said
	said       int      // lines so far
}

// Listen starts a server at an address, for a component with a domain and a secret.
func Listen(addr, domain, secret string) (*Server, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &Server{domain: domain, secret: secret, l: l}
	s.cond = sync.NewCond(&s.mu)
	s.wg.Add(1)
	go s.accept()
	return s, nil
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

// Forget makes the server keep nothing of what it receives and sends.
func (s *Server) Forget() { s.set(func() { s.forget = true }) }

// Prelude is sent in the same write as <handshake/>.
func (s *Server) Prelude(xml string) { s.set(func() { s.prelude = xml }) }

// Answer makes the server answer each stanza with the result of f, which may be
// several stanzas. Expect finds the stanzas for which f returns "". f is called on
// one goroutine, in the order of the stream.
func (s *Server) Answer(f func(*stanza.Stanza) string) { s.set(func() { s.answer = f }) }

// Accepted returns how many handshakes were accepted.
func (s *Server) Accepted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

// Send writes raw bytes to the component, which must be connected.
func (s *Server) Send(xml string) error {
	s.mu.Lock()
	conn := s.conn
	if !s.forget {
		s.say("server", xml)
	}
	s.mu.Unlock()
	if conn == nil {
		return errors.New("no component is connected")
	}
	_, err := conn.Write([]byte(xml))
	return err
}

// WaitConnected waits for the nth accepted handshake, from 1, and reports whether it came
// in time.
func (s *Server) WaitConnected(n int, timeout time.Duration) bool {
	return s.wait(timeout, func() bool { return s.accepted >= n })
}

// WaitGoodbye waits for the component to close its stream with </stream:stream>, and
// reports whether it did in time.
func (s *Server) WaitGoodbye(timeout time.Duration) bool {
	return s.wait(timeout, func() bool { return s.goodbye })
}

// Expect waits for a stanza that matches, and removes it. It returns nil if none came in
// time.
func (s *Server) Expect(match func(*stanza.Stanza) bool, timeout time.Duration) (got *stanza.Stanza) {
	s.wait(timeout, func() bool {
		for i, x := range s.inbox {
			if match(x) {
				got = x
				s.inbox = append(s.inbox[:i], s.inbox[i+1:]...)
				return true
			}
		}
		return false
	})
	return got
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

// transcriptLines is how many stanzas a transcript has. All of them, after a million, would be
// most of the work of a benchmark that has such a peer.
const transcriptLines = 1000

// say adds a line to the transcript. s.mu is held.
func (s *Server) say(who, xml string) {
	line := fmt.Sprintf("%s: %.500s\n", who, xml)
	if len(s.transcript) < transcriptLines {
		s.transcript = append(s.transcript, line)
	} else {
		s.transcript[s.said%transcriptLines] = line
	}
	s.said++
}

// Transcript returns what was sent in both directions of late, for people.
func (s *Server) Transcript() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	oldest := s.said % max(len(s.transcript), 1)
	return strings.Join(append(slices.Clone(s.transcript[oldest:]), s.transcript[:oldest]...), "")
}

// wait waits until done, which is called with the lock held, and reports whether it was
// in time.
func (s *Server) wait(timeout time.Duration, done func() bool) bool {
	late := time.AfterFunc(timeout, s.cond.Broadcast)
	defer late.Stop()
	deadline := time.Now().Add(timeout)
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
