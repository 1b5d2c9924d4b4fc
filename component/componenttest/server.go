// Package componenttest is the server side of XEP-0114 in process, for tests, as
// net/http/httptest is for HTTP: a [Server] is a [peer.Server] that ends with the test
// and fails it when what it waits for does not come.
//
//	srv := componenttest.NewServer(t, "bot.example.com", "secret")
//	// … connect a component to srv.Addr() …
//	srv.Send(`<message from='u@example.com/r' to='bot.example.com' id='1'/>`)
//	reply := srv.Expect("reply", func(s *stanza.Stanza) bool { return s.ID == "1" })
package componenttest

import (
	"testing"
	"time"

	"stanzahook/component/peer"
	"stanzahook/pkg/stanza"
)

// expectTimeout is how long Expect waits.
const expectTimeout = time.Minute

// Server is the server side of component connections, one at a time.
type Server struct {
	*peer.Server
	t              testing.TB
	domain, secret string
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
	s, err := peer.Listen(addr, domain, secret)
	if err != nil {
		t.Fatal(err)
	}
	return &Server{s, t, domain, secret}
}

// WaitConnected waits for the nth accepted handshake, from 1.
func (s *Server) WaitConnected(n int) {
	s.t.Helper()
	if !s.Server.WaitConnected(n, expectTimeout) {
		s.t.Fatalf("the component did not connect %d times; it did %d times", n, s.Accepted())
	}
}

// Send writes raw bytes to the component, which must be connected.
func (s *Server) Send(xml string) {
	s.t.Helper()
	if err := s.TrySend(xml); err != nil {
		s.t.Fatalf("send to the component: %v", err)
	}
}

// TrySend is Send for tests that expect it to fail.
func (s *Server) TrySend(xml string) error { return s.Server.Send(xml) }

// Expect returns the first stanza that matches and removes it. It waits up to a
// minute. what names the stanza in the failure message.
func (s *Server) Expect(what string, match func(*stanza.Stanza) bool) *stanza.Stanza {
	s.t.Helper()
	got := s.Server.Expect(match, expectTimeout)
	if got == nil {
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
	if !s.WaitGoodbye(expectTimeout) {
		s.t.Fatal("the component did not close its stream")
	}
}
