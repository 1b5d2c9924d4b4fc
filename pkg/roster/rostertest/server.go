package rostertest

import (
	"context"
	"maps"
	"strings"
	"sync"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
)

// Server is an XMPP server with rosters, and with the faults that a test gives it. It
// is a [roster.Backend]. Set its fields before it is used.
type Server struct {
	Has map[jid.JID]roster.Roster // by owner

	// The faults; all may be nil. Fail returns the error of a request: get, set or
	// remove. Twist returns what the server makes of an item that is set. Reach limits
	// the contacts it can hold.
	Fail  func(what string, owner, contact jid.JID) error
	Twist func(owner jid.JID, old, item roster.Item) roster.Item
	Reach func(contact jid.JID) bool
	Slow  time.Duration // each request takes so long
	// First makes it take only the first of several edits, and report them all as made.
	First bool

	name    string
	mu      sync.Mutex
	changes []string
	reads   int
}

// NewServer returns a server without rosters; name is that of the backend.
func NewServer(name string) *Server {
	return &Server{name: name, Has: make(map[jid.JID]roster.Roster)}
}

// Name implements roster.Backend.
func (s *Server) Name() string { return s.name }

// Reaches implements roster.Backend.
func (s *Server) Reaches(contact jid.JID) bool { return s.Reach == nil || s.Reach(contact) }

func (s *Server) fail(what string, owner, contact jid.JID) error {
	if s.Fail == nil {
		return nil
	}
	return s.Fail(what, owner, contact)
}

// Get implements roster.Backend.
func (s *Server) Get(_ context.Context, owner jid.JID) (roster.Roster, error) {
	time.Sleep(s.Slow)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	return maps.Clone(s.Has[owner]), s.fail("get", owner, jid.JID{})
}

// Change implements roster.Backend. Twist and Fail see one contact after the other.
func (s *Server) Change(ctx context.Context, owner jid.JID, edits []roster.Edit) []error {
	if s.First && len(edits) > 1 {
		return append(s.Change(ctx, owner, edits[:1]), make([]error, len(edits)-1)...)
	}
	return roster.OneByOne(ctx, edits, func(e roster.Edit) error {
		time.Sleep(s.Slow)
		s.mu.Lock()
		defer s.mu.Unlock()
		if e.Remove {
			s.changes = append(s.changes, "remove "+e.JID.String())
			if err := s.fail("remove", owner, e.JID); err != nil {
				return err
			}
			delete(s.Has[owner], e.JID)
			return nil
		}
		s.changes = append(s.changes, "set "+e.Item.String())
		if err := s.fail("set", owner, e.JID); err != nil {
			return err
		}
		if s.Twist != nil {
			e.Item = s.Twist(owner, s.Has[owner][e.JID], e.Item)
		}
		s.put(owner, e.Item)
		return nil
	})
}

// put puts an item into a roster. s.mu is held.
func (s *Server) put(owner jid.JID, item roster.Item) {
	if s.Has[owner] == nil {
		s.Has[owner] = make(roster.Roster)
	}
	s.Has[owner][item.JID] = item
}

// Put sets contacts as their owner does with a client.
func (s *Server) Put(owner jid.JID, items ...roster.Item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, item := range items {
		s.put(owner, item)
	}
}

// Drop removes a contact as its owner does with a client.
func (s *Server) Drop(owner, contact jid.JID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.Has[owner], contact)
}

// Changes returns the requests for changes since the last call, a line each.
func (s *Server) Changes() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	changes := strings.Join(s.changes, "\n")
	s.changes = nil
	return changes
}

// Reads returns how often a roster was read.
func (s *Server) Reads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}
