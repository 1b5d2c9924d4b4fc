package hooks

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Statuses are what became of the requests of all hooks since the process started. The
// hooks of two configurations share them. The zero Statuses is ready to use.
type Statuses struct {
	mu       sync.Mutex
	hooks    map[string]*status
	messages *shared[messageKey, ownMessage] // so that the error of a message is found
	running  map[string]bool                 // deliveries in progress, by key
	lastTS   int64                           // of Slack's API, in microseconds since 1970
}

// maxMessages bounds the messages whose errors are told apart, see shared. The error of an older
// one does not count for its hook; it is an event as any error is.
const maxMessages = 10_000

type messageKey struct {
	to jid.JID // bare
	id string
}

// ownMessage is a message of a hook.
type ownMessage struct {
	hook  string
	group bool // of type groupchat
}

// status is what became of the requests of one hook.
type status struct {
	mu sync.Mutex
	Status
	requests []*Request // the latest, oldest first
}

// Status is what became of the requests of a hook. Requests with a wrong secret do not
// count: anybody can send them.
type Status struct {
	Name      string
	Adapter   string
	Requests  int64 // that were answered
	Sent      int64 // messages
	Failed    int64 // requests that were refused or not sent, and messages that came back
	LastTime  time.Time
	LastError string
	ErrorTime time.Time
}

// of returns the status of a hook.
func (s *Statuses) of(h *Hook) *status {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hooks == nil {
		s.hooks = make(map[string]*status)
		s.running = make(map[string]bool)
		s.messages = newShared[messageKey, ownMessage](maxMessages)
	}
	one := s.hooks[h.Name]
	if one == nil {
		one = &status{Status: Status{Name: h.Name}}
		s.hooks[h.Name] = one
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	one.Adapter = h.Adapter
	return one
}

// keep forgets the hooks that are gone.
func (s *Statuses) keep(hooks []*Hook) {
	there := make(map[string]bool)
	for _, h := range hooks {
		there[h.Name] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.hooks {
		if !there[name] {
			delete(s.hooks, name)
		}
	}
}

// Get returns the status of a hook; the zero Status if there is none.
func (s *Statuses) Get(name string) Status {
	s.mu.Lock()
	one := s.hooks[name]
	s.mu.Unlock()
	if one == nil {
		return Status{Name: name}
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	return one.Status
}

// All returns the statuses of all hooks, by name.
func (s *Statuses) All() []Status {
	s.mu.Lock()
	names := slices.Sorted(maps.Keys(s.hooks))
	s.mu.Unlock()
	var all []Status
	for _, name := range names {
		all = append(all, s.Get(name))
	}
	return all
}

// note counts a request, and keeps what became of it: of so many requests. A repeated
// delivery that was answered before is no new one.
func (s *status) note(o *outcome, share int) *Request {
	r := newRequest(o, time.Now())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.LastTime = r.Time
	s.Requests++
	s.keep(r, share)
	if !o.repeated {
		for _, m := range o.messages {
			if m.Error == "" {
				s.Sent++
			}
		}
	}
	if o.failed() || o.text != "" {
		s.fail(http.StatusText(o.status) + ": " + o.text)
	}
	return r
}

func (s *status) fail(text string) {
	s.Failed++
	s.LastError, s.ErrorTime = text, time.Now()
}

// expect remembers which hook a message is of.
func (s *Statuses) expect(name string, m *stanza.Stanza) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages.add(name, messageKey{m.To.Bare(), m.ID}, ownMessage{name, m.Type == "groupchat"})
}

// Bounced reports an error stanza. If it is of a message of a hook, it counts as a failure
// of the hook, whose name is returned. An error of one occupant of a room is not: the room has
// sent the message to all (XEP-0045 section 7.4), and one of them, or a connection that the
// server has not noticed to be gone, has answered.
func (s *Statuses) Bounced(m *stanza.Stanza) (name string, ok bool) {
	s.mu.Lock()
	if s.messages == nil {
		s.mu.Unlock()
		return "", false
	}
	key := messageKey{m.From.Bare(), m.ID}
	own, ok := s.messages.get(key)
	if own.group && m.From.IsFull() {
		s.mu.Unlock()
		return "", false
	}
	s.messages.remove(key)
	name = own.hook
	one := s.hooks[name]
	s.mu.Unlock()
	if !ok || one == nil {
		return name, ok
	}
	e, _ := m.StanzaError()
	text := m.From.String() + " answered with an error"
	if e != nil {
		text = m.From.String() + " answered with the error " + string(e.Condition)
		if e.Text != "" {
			text += ": " + e.Text
		}
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	one.fail(text)
	return name, true
}

// Fail counts a message that could not be sent as a failure of its hook.
func (s *Statuses) Fail(name, text string) {
	s.mu.Lock()
	one := s.hooks[name]
	s.mu.Unlock()
	if one == nil {
		return
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	one.fail(text)
}

// begin marks a delivery as in progress; false: it is already.
func (s *Statuses) begin(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running[key] {
		return false
	}
	s.running[key] = true
	return true
}

func (s *Statuses) end(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, key)
}
