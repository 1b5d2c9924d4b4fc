package dev

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"stanzahook/cmd/internal/terminal"
	"stanzahook/pkg/document"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// session is a conversation of users with the bot.
type session struct {
	bridge  *bridge
	options Options
	screen  *terminal.Screen

	user string // who types; only its own goroutine changes these three
	to   string // the localpart of the bot that is written to
	room string // where it is written; empty: to the bot alone

	mu       sync.Mutex
	changed  chan struct{}         // closed when one of the following has changed
	got      map[string][]received // what came for a user or a room and nobody expected yet, by bare JID
	sent     int
	attempts map[string]int    // by conversation
	unsure   map[string]string // the conversations of deliveries that will be tried again, by id
	why      []string          // what became known of deliveries since an expectation was met
	last     string            // the delivery that was attempted last
}

// received is what a user or a room got.
type received struct {
	body      string
	condition string // of a stanza error; empty: it is none
	text      string // of the error
}

func (x received) String() string {
	if x.condition == "" {
		return strconv.Quote(x.body)
	}
	return strings.TrimSuffix(fmt.Sprintf("the stanza error %s (%s)", x.condition, x.text), " ()")
}

func newSession(b *bridge, o Options, screen *terminal.Screen) *session {
	return &session{bridge: b, options: o, screen: screen, user: "alice", to: "bot", changed: make(chan struct{}),
		got: make(map[string][]received), attempts: make(map[string]int), unsure: make(map[string]string)}
}

// converse does what is typed, until there is nothing more.
func (s *session) converse(ctx context.Context) error {
	for {
		line, ok := s.screen.Line(ctx, s.prompt())
		if !ok {
			break
		}
		if strings.TrimSpace(line) == "" {
			continue
		}
		s.screen.Typed(s.prompt(), line)
		if err := s.do(ctx, line); err != nil {
			s.screen.Print(terminal.Red, err.Error())
		}
		if !s.screen.Interactive() { // nobody reads what comes before the next line is typed
			s.wait(ctx, lag, s.caughtUp)
		}
	}
	if !s.screen.Interactive() { // a pipe has ended; the last answers may be on their way
		s.wait(ctx, s.options.Patience, s.caughtUp)
	}
	return nil
}

// prompt says who writes to whom.
func (s *session) prompt() string {
	switch {
	case s.room != "":
		return s.user + " in " + s.room + "> "
	case s.to != "bot":
		return s.user + " to " + s.to + "> "
	}
	return s.user + "> "
}

// inbox is whose stanzas are looked at now: the user's, or the room's.
func (s *session) inbox() string {
	if s.room != "" {
		return s.room + "@" + roomHost
	}
	return s.user + "@" + userHost
}

// say sends a message to the bot.
func (s *session) say(text string) error {
	text, _ = document.CleanString(strings.ToValidUTF8(text, "\uFFFD"))
	from, kind := s.user+"@"+userHost+"/dev", "chat"
	if s.room != "" {
		from, kind = s.inbox()+"/"+s.user, "groupchat"
	}
	f, err := jid.Parse(from)
	if err != nil {
		return err
	}
	to, err := jid.Parse(s.to + "@" + botHost)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.sent++
	h := stanza.Header{Kind: stanza.Message, Type: kind, ID: "dev-" + strconv.Itoa(s.sent), From: f, To: to}
	conversation := conversationOf(f.String(), to.String())
	before, waits := s.attempts[conversation], s.isUnsure(conversation)
	s.mu.Unlock()
	m, err := stanza.BuildText(h, "body", text, stanza.Limits{})
	if err != nil {
		return err
	}
	if err := s.bridge.peer.Send(m.XML()); err != nil {
		return err
	}
	if waits {
		s.tell(terminal.Yellow, "it waits: the message before it is tried again first, since the order is kept")
		return nil
	}
	time.AfterFunc(slow, func() {
		s.mu.Lock()
		silent := s.attempts[conversation] == before
		s.mu.Unlock()
		if silent {
			s.tell(terminal.Yellow, fmt.Sprintf("the bot has not answered for %v; it may take %v (--timeout)", slow, s.options.Timeout))
		}
	})
	return nil
}

// slow is how long dev waits for the bot before it says that there is no answer yet.
const slow = time.Second

// conversationOf is a conversation, whose order is kept.
func conversationOf(from, to string) string {
	from, _, _ = strings.Cut(from, "/")
	to, _, _ = strings.Cut(to, "/")
	return from + " " + to
}

// isUnsure reports whether a delivery of a conversation will be tried again. The caller
// holds the lock.
func (s *session) isUnsure(conversation string) bool {
	for _, c := range s.unsure {
		if c == conversation {
			return true
		}
	}
	return false
}

// tell prints what became of a message, and keeps it as a reason.
func (s *session) tell(c terminal.Colour, text string) {
	s.screen.Print(c, "  "+text)
	s.change(func() { s.why = append(s.why, text) })
}

// change changes what wait looks at.
func (s *session) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

// wait waits until done, which is called with the lock held, and reports whether it was in
// time.
func (s *session) wait(ctx context.Context, patience time.Duration, done func() bool) bool {
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		s.mu.Lock()
		ok, changed := done(), s.changed
		s.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-changed:
		case <-late.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}
