// Package waiting has messages to rooms (XEP-0045) that a bot is not in yet: they wait on
// disk, the room is joined, and they are sent in their order.
//
// It also knows which recipients are rooms: those that the bot is kept in, and what is at a
// service that says it has rooms (XEP-0030, XEP-0045 section 6.1). While that cannot be
// asked, a message waits as if it were for a room; if the recipient turns out to be none, it
// is sent as a chat.
//
//	waiting.go    the messages, by room and bot
//	room.go       one room and bot: the join, and what becomes of its messages
//	service.go    what services say that they are
package waiting

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"go.uber.org/zap"

	"stanzahook/component/rooms"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/loglimit"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// Options configure [Messages]. All are needed.
type Options struct {
	Rooms *rooms.Rooms
	Store *store.WaitingMessages
	// Send sends a message through the outbox.
	Send func(ctx context.Context, s *stanza.Stanza, how gateway.Sending) (gateway.State, error)
	// Request asks a service what it is.
	Request func(ctx context.Context, s *stanza.Stanza) (*stanza.Stanza, error)
	// Up waits until the component of a domain is connected, or ctx is done.
	Up func(ctx context.Context, domain string) error
	// HasUsers reports whether a domain is known to be one of users, or of our own bots.
	HasUsers func(domain string) bool
	// Failed is called with each message that cannot be sent, and the reason.
	Failed func(owner string, s *stanza.Stanza, reason string)
	MaxAge time.Duration // of a message; older ones fail
	Log    *zap.Logger
}

// Messages are the messages that wait.
type Messages struct {
	Options
	repeats loglimit.Limiter
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	rooms    map[place]*room
	services map[string]*service
	recent   *simplelru.LRU[sent, message]
}

// place is a bot and the room that it is to be in; both are bare.
type place struct{ room, bot jid.JID }

// message is one that waits, or was sent.
type message struct {
	*store.WaitingMessage
	stanza *stanza.Stanza
	again  bool // a room has not taken it before
}

// sent names a message that was sent.
type sent struct {
	room jid.JID
	id   string
}

// maxRecent bounds the messages that can be sent again. They are remembered until so many
// later ones were sent.
const maxRecent = 200

// New returns the messages that earlier processes have left. Start must be called.
func New(o Options) *Messages {
	recent, _ := simplelru.NewLRU[sent, message](maxRecent, nil) // fails only for size 0
	m := &Messages{Options: o, rooms: make(map[place]*room), services: make(map[string]*service), recent: recent}
	m.ctx, m.stop = context.WithCancel(context.Background())
	return m
}

// Start goes on with what earlier processes have left. stop ends it; what waits stays on
// disk.
func (m *Messages) Start(ctx context.Context) (stop func(), err error) {
	left, err := m.Store.Load(ctx)
	if err != nil {
		return nil, err
	}
	for _, one := range left {
		s, err := stanza.Parse(one.Stanza, stanza.Limits{MaxBytes: len(one.Stanza) + 1})
		if err != nil { // it parsed before it was stored: the disk changed it
			m.Log.Error("message to a room discarded", zap.String("reason", "damaged"), zap.Error(err))
			m.remove(one)
			continue
		}
		m.add(message{WaitingMessage: one, stanza: s})
	}
	return func() {
		m.stop()
		m.running.Wait()
	}, nil
}

// Send sends a message of type groupchat: at once if the bot is in the room, else when it
// is. certain says that the recipient is a room.
//
// Killed before it returns: the caller has no answer; the message may be stored, and is then
// sent after the restart. Killed after Queued: it waits on disk. Killed while it is sent: it
// may be sent once more after the restart, with the same id.
//
// Errors: gateway.ErrFull, and those of Options.Send.
func (m *Messages) Send(ctx context.Context, owner string, s *stanza.Stanza, certain bool, how gateway.Sending) (gateway.State, error) {
	at := place{s.To, s.From.Bare()}
	one := message{&store.WaitingMessage{Owner: owner, Caller: how.Caller, Ref: how.Ref, Room: certain, Time: time.Now().UTC(), Stanza: s.XML()}, s, false}
	if !m.waits(at) {
		if v, err := m.Rooms.Get(at.room, at.bot); err == nil && v.State == muc.Joined {
			m.remember(one)
			return m.Options.Send(ctx, s, how)
		}
	}
	return m.put(ctx, one)
}

// put stores a message and lets it wait.
func (m *Messages) put(ctx context.Context, one message) (gateway.State, error) {
	m.mu.Lock()
	r := m.rooms[place{one.stanza.To, one.stanza.From.Bare()}]
	repeated := r != nil && r.has(one.stanza.ID)
	m.mu.Unlock()
	if repeated {
		return gateway.Queued, nil
	}
	if err := m.Store.Put(ctx, one.WaitingMessage, one.stanza.To.String(), one.stanza.ID); err != nil {
		return "", err
	}
	m.add(one)
	return gateway.Queued, nil
}

// remember keeps a message that is sent, as the room may have lost the bot: see Bounced.
func (m *Messages) remember(one message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.recent.Add(sent{one.stanza.To, one.stanza.ID}, one)
}

// Bounced reports whether an error stanza is about a message that the room has not taken as
// the bot was not in it (XEP-0045 section 7.4), as after a restart of the server. The message
// then waits for the next join, once. It does not wait.
//
// Killed before it is stored: the message is lost.
func (m *Messages) Bounced(s *stanza.Stanza) bool {
	if e, ok := s.StanzaError(); !ok || e.Condition != stanza.NotAcceptable {
		return false
	}
	m.mu.Lock()
	one, ok := m.recent.Get(sent{s.From, s.ID})
	m.recent.Remove(sent{s.From, s.ID})
	m.mu.Unlock()
	if !ok || one.again {
		return false
	}
	one.again = true
	m.running.Go(func() {
		if _, err := m.put(m.ctx, one); err != nil {
			m.Failed(one.Owner, one.stanza, err.Error())
		}
	})
	return true
}

// waits reports whether messages wait for a place: later ones go behind them.
func (m *Messages) waits(at place) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rooms[at] != nil
}

// add lets a message wait.
func (m *Messages) add(one message) {
	at := place{one.stanza.To, one.stanza.From.Bare()}
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.rooms[at]
	if r == nil {
		r = &room{all: m, place: at}
		m.rooms[at] = r
		m.running.Go(func() { r.run(m.ctx) })
	}
	r.queue = append(r.queue, one)
}

// remove takes a message off the disk.
func (m *Messages) remove(one *store.WaitingMessage) {
	if err := m.Store.Remove(context.Background(), one); err != nil {
		m.repeats.Warn(m.Log, "message to a room not removed", zap.Error(err), zap.String("hint", "it is sent again after a restart"))
	}
}

// Count returns how many messages wait.
func (m *Messages) Count() int { return m.Store.Count() }
