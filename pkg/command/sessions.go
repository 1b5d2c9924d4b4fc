package command

import (
	"container/list"
	"crypto/rand"
	"sync"
	"time"

	"stanzahook/pkg/form"
	"stanzahook/pkg/jid"
)

// Bounds of sessions.
const (
	SessionTime = 10 * time.Minute // without a step
	MaxSessions = 1000
	MaxBytes    = 16 << 20 // of what is filled in, and of forms that answers have
	// The share of one person. Its oldest sessions go first; where there are too many in all,
	// the oldest one of who has most of them: a person, or all of a stranger's server.
	MaxOfOne      = 32
	MaxBytesOfOne = 1 << 20
	maxPages      = 32
)

// Sessions are the runs of commands that are not at their end.
//
// They are in memory. Killed: whoever goes on gets bad-sessionid, and begins again.
type Sessions struct {
	mu    sync.Mutex
	byID  map[string]*session
	chats map[chat]*session
	order *list.List // of *session: the one that was used last is last
	of    map[jid.JID]*share
	bytes int

	expired, dropped int64
}

type share struct{ sessions, bytes int }

// session is a run of a command.
type session struct {
	id      string
	command *Command
	party   Party
	pages   []page
	at      int     // the page that is shown
	asked   *Submit // the program is being asked
	used    time.Time
	place   *list.Element
	bytes   int
	talk    *talk // of a chat
}

// page is a form of a run. Without fields it is the beginning of a command that has no form.
type page struct {
	form   *form.Form
	own    bool        // it came with an answer, and no other session has it
	typed  form.Values // as it was typed last
	values form.Values // as it was accepted
}

// NewSessions returns Sessions without any.
func NewSessions() *Sessions {
	return &Sessions{byID: make(map[string]*session), chats: make(map[chat]*session), order: list.New(), of: make(map[jid.JID]*share)}
}

// Count returns how many there are.
func (s *Sessions) Count(now time.Time) (n, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	return len(s.byID), s.bytes
}

// Ended returns how many have ended by their age, and because there were too many.
func (s *Sessions) Ended() (expired, dropped int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.expired, s.dropped
}

// begin makes a session.
func (s *Sessions) begin(now time.Time, c *Command, p Party) *session {
	s.expire(now)
	x := &session{id: rand.Text(), command: c, party: p, used: now}
	first := c.Form
	if first == nil {
		first = new(form.Form)
	}
	x.pages = []page{{form: first}}
	x.place = s.order.PushBack(x)
	s.byID[x.id] = x
	if s.of[p.Real] == nil {
		s.of[p.Real] = new(share)
	}
	s.of[p.Real].sessions++
	return x
}

// touch notes that a session was used, and how large it is now. Others may go for it.
func (s *Sessions) touch(now time.Time, x *session) {
	x.used = now
	s.order.MoveToBack(x.place)
	n := 0
	for _, p := range x.pages {
		if p.own {
			n += p.form.Size()
		}
		n += size(p.typed) + size(p.values)
	}
	if x.talk != nil {
		n += size(x.talk.given)
	}
	s.of[x.party.Real].bytes += n - x.bytes
	s.bytes += n - x.bytes
	x.bytes = n
	s.bound(x)
}

// bound removes sessions until no bound is exceeded. The one that was used last stays.
func (s *Sessions) bound(last *session) {
	for {
		var from jid.JID
		switch own := s.of[last.party.Real]; {
		case own.sessions > MaxOfOne || own.bytes > MaxBytesOfOne:
			from = last.party.Real
		case len(s.byID) > MaxSessions || s.bytes > MaxBytes:
			from = s.largest()
		default:
			return
		}
		victim := s.oldest(from, last)
		if victim == nil {
			return // a single one is bounded by its pages
		}
		s.remove(victim)
		s.dropped++
	}
}

// largest returns who has most sessions, by number and then by bytes; of strangers those of one
// server count together.
func (s *Sessions) largest() (who jid.JID) {
	parties := make(map[string]share)
	for e := s.order.Front(); e != nil; e = e.Next() {
		x := e.Value.(*session)
		name := x.party.Real.Party(x.party.Bot)
		of := parties[name]
		parties[name] = share{of.sessions + 1, of.bytes + x.bytes}
	}
	most := share{}
	for e := s.order.Front(); e != nil; e = e.Next() { // the oldest of the party is first
		p := e.Value.(*session).party
		if h := parties[p.Real.Party(p.Bot)]; h.sessions > most.sessions || h.sessions == most.sessions && h.bytes > most.bytes {
			most, who = h, p.Real
		}
	}
	return who
}

func (s *Sessions) oldest(who jid.JID, but *session) *session {
	for e := s.order.Front(); e != nil; e = e.Next() {
		if x := e.Value.(*session); x.party.Real == who && x != but {
			return x
		}
	}
	return nil
}

// expire removes sessions that nobody has gone on with.
func (s *Sessions) expire(now time.Time) {
	for e := s.order.Front(); e != nil; e = s.order.Front() {
		x := e.Value.(*session)
		if now.Sub(x.used) < SessionTime {
			return
		}
		s.remove(x)
		s.expired++
	}
}

func (s *Sessions) remove(x *session) {
	if s.byID[x.id] != x {
		return
	}
	delete(s.byID, x.id)
	s.order.Remove(x.place)
	s.bytes -= x.bytes
	h := s.of[x.party.Real]
	h.bytes -= x.bytes
	if h.sessions--; h.sessions == 0 {
		delete(s.of, x.party.Real)
	}
	if x.talk != nil && s.chats[x.talk.chat] == x {
		delete(s.chats, x.talk.chat)
	}
}

func size(v form.Values) (n int) {
	for name, texts := range v {
		n += len(name)
		for _, t := range texts {
			n += len(t) + 16
		}
	}
	return n
}
