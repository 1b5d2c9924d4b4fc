// Package waiting sends what bots say in rooms (XEP-0045). A message leaves on no connection
// on which its bot is not in the room: it waits until the room is joined, behind those before
// it. That is so for the messages of the HTTP API and of hooks, which wait on disk, and for the
// answers of webhooks, which wait in memory, as their events are on disk.
//
// It also knows which recipients of hooks are rooms: those that the bot is kept in, and what is
// at a service that says it has rooms (XEP-0030, XEP-0045 section 6.1). While that cannot be
// asked, a message waits as if it were for a room; if the recipient turns out to be none, it
// is sent as a chat. A room that the bot is not kept in is joined for the message of a hook.
//
//	waiting.go    the messages, by room and bot
//	flight.go     one message on its way
//	answers.go    the answers of webhooks
//	room.go       one room and bot: the join, and what becomes of its messages
//	service.go    what services say that they are
package waiting

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/oklog/ulid/v2"
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
	// Send sends a message of a hook, and records it: by Depart if the bot is in the room.
	Send func(ctx context.Context, s *stanza.Stanza, how gateway.Sending) (gateway.State, error)
	// Request asks a service what it is.
	Request func(ctx context.Context, s *stanza.Stanza) (*stanza.Stanza, error)
	// Up waits until the component of a domain is connected, or ctx is done.
	Up func(ctx context.Context, domain string) error
	// HasUsers reports whether a domain is known to be one of users, or of our own bots.
	HasUsers func(domain string) bool
	// Failed is called with each message of a hook that cannot be sent, and the reason.
	Failed func(owner string, s *stanza.Stanza, reason string)
	// Ended is called with the outcome of each message for which Speak returns Queued: nil if
	// the server has it, *rooms.NotJoined if the room refuses the bot, gateway.ErrExpired, ErrLeft, or
	// another error. It may wait for the store.
	Ended  func(s *stanza.Stanza, err error)
	Wait   time.Duration // for the confirmation of a message, until it is stored
	MaxAge time.Duration // of a message; older ones fail
	Log    *zap.Logger
}

// ErrLeft, for Ended, means that the bot does not wait for the room any more.
var ErrLeft = errors.New("the bot is not kept in the room any more")

// Messages are the messages that wait.
type Messages struct {
	Options
	repeats loglimit.Limiter
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	stopped  bool
	last     time.Time // that a message was given; no two are of the same
	answers  int       // bytes of those in memory
	rooms    map[place]*room
	services map[string]*service
	recent   *simplelru.LRU[sent, *message]
}

// expired is gateway.ErrExpired with what a message has waited for.
type expired struct {
	age time.Duration
	why error
}

func (e *expired) Error() string        { return fmt.Sprintf("waited for %v: %v", e.age, e.why) }
func (e *expired) Is(target error) bool { return target == gateway.ErrExpired }
func (e *expired) Unwrap() error        { return e.why }

// place is a bot and the room that it is to be in; both are bare.
type place struct{ room, bot jid.JID }

// message is one that waits, or is sent.
type message struct {
	*store.WaitingMessage
	stanza *stanza.Stanza
	answer func(error)   // of an answer of a webhook, which is not stored; nil: it is another message
	stored chan struct{} // closed when it is on disk, or cannot be; nil: it is, or is not to be; guarded by Messages.mu
	flight *flight       // it is on its way already
	queued bool          // it waits; guarded by Messages.mu
	breaks int           // connections that ended while it was on its way
	again  bool          // a room has not taken it before
}

// ofHook reports whether a hook has sent it: it is recorded when it is sent.
func (one *message) ofHook() bool { return one.Caller != "" }

func (one *message) place() place { return place{one.stanza.To.Bare(), one.stanza.From.Bare()} }

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
	recent, _ := simplelru.NewLRU[sent, *message](maxRecent, nil) // fails only for size 0
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
		m.mu.Lock()
		m.enqueue(&message{WaitingMessage: one, stanza: s})
		m.mu.Unlock()
	}
	return func() {
		m.mu.Lock()
		m.stopped = true
		m.mu.Unlock()
		m.stop()
		m.running.Wait()
	}, nil
}

// newMessage returns a message that comes behind all before it.
func (m *Messages) newMessage(s *stanza.Stanza, about store.WaitingMessage) *message {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.last = m.last.Add(1); time.Now().After(m.last) {
		m.last = time.Now()
	}
	about.Time = m.last.UTC()
	return &message{WaitingMessage: &about, stanza: s}
}

// Send sends a message of type groupchat of a hook: at once if the bot is in the room, else
// when it is. certain says that the recipient is a room.
//
// Killed before it returns: the caller has no answer; the message may be stored, and is then
// sent after the restart. Killed after Queued: it waits on disk. Killed while it is sent: it
// may be sent once more after the restart, with the same id.
//
// Errors: gateway.ErrFull, and those of Options.Send.
func (m *Messages) Send(ctx context.Context, owner string, s *stanza.Stanza, certain bool, how gateway.Sending) (gateway.State, error) {
	one := m.newMessage(s, store.WaitingMessage{Owner: owner, Caller: how.Caller, Ref: how.Ref, Room: certain, Stanza: s.XML()})
	at := one.place()
	if !m.waits(at) {
		if v, err := m.Rooms.Get(at.room, at.bot); err == nil && v.State == muc.Joined {
			m.remember(one)
			return m.Options.Send(ctx, s, how)
		}
	}
	return m.put(ctx, one)
}

// Takes reports whether a stanza, which rooms.Address has seen, is for Speak. It is not where
// the room has refused the bot and nothing waits for it: the room says so itself.
func (m *Messages) Takes(s *stanza.Stanza) bool {
	state, speaks := m.Rooms.Speaks(s)
	return speaks && (state == muc.Joined || state == muc.Joining || state == muc.Waiting || m.waits(place{s.To.Bare(), s.From.Bare()}))
}

// Speak sends a message of a caller that Takes is true of: at once if the bot is in the room,
// else when it is. What it stores counts towards the caller's share and that of the room.
//
// Killed before it returns: the caller has no answer; the message may or may not have been
// sent. Killed after Confirmed: the server has it. Killed after Queued: it waits on disk;
// while it is sent, it may be sent once more after the restart, with the same id.
//
// Errors: gateway.ErrFull, also over a share; gateway.ErrBusy; gateway.ErrRejected;
// gateway.ErrUnconfirmed; refusals of the link; that of ctx when the caller goes away.
func (m *Messages) Speak(ctx context.Context, caller string, s *stanza.Stanza) (gateway.State, error) {
	one := m.newMessage(s, store.WaitingMessage{Owner: caller, Room: true, Stanza: s.XML()})
	one.stored = make(chan struct{})
	f, err := m.tryNow(one, false)
	switch {
	case err != nil:
		return "", err
	case f == nil:
		return m.put(ctx, one)
	}
	late := time.NewTimer(m.Wait)
	defer late.Stop()
	gone := false
	select {
	case <-f.done:
	case <-late.C:
	case <-ctx.Done():
		gone = true
	}
	m.mu.Lock()
	switch {
	case f.over && !one.queued:
		m.mu.Unlock()
		if f.err != nil {
			return "", f.err
		}
		return gateway.Confirmed, nil
	case gone && !one.queued: // if it is to wait later, that is in memory
		one.stored = nil
		m.mu.Unlock()
		return "", ctx.Err()
	case !one.queued:
		one.flight = f
		m.enqueue(one)
	}
	m.mu.Unlock()
	if err := m.persist(context.WithoutCancel(ctx), one); err != nil {
		return "", fmt.Errorf("%w, and it could not be stored: %w", gateway.ErrUnconfirmed, err)
	}
	return gateway.Queued, nil
}

// Divert takes over a message from the outbox, where it was stored before the bot was kept in
// the room, or by an earlier version. It reports whether it has.
//
// Killed before it returns: the message may be in both, and is then sent twice, with the same
// id.
func (m *Messages) Divert(ctx context.Context, s *stanza.Stanza, since time.Time) bool {
	if !m.Takes(s) {
		return false
	}
	one := &message{WaitingMessage: &store.WaitingMessage{Room: true, Stanza: s.XML(), Time: since.UTC()}, stanza: s}
	_, err := m.put(ctx, one)
	return err == nil
}

// put queues a message by its time, which newMessage has set, and then stores it.
func (m *Messages) put(ctx context.Context, one *message) (gateway.State, error) {
	m.mu.Lock()
	r := m.rooms[one.place()]
	if r != nil && one.ofHook() && r.has(one.stanza.ID) {
		m.mu.Unlock()
		return gateway.Queued, nil
	}
	if r != nil && r.isFull(one) {
		m.mu.Unlock()
		return "", fmt.Errorf("%w: the messages that wait for this room take up its share", gateway.ErrFull)
	}
	if one.stored == nil {
		one.stored = make(chan struct{})
	}
	m.enqueue(one)
	m.mu.Unlock()
	if err := m.persist(ctx, one); err != nil {
		return "", err
	}
	return gateway.Queued, nil
}

// persist stores a message that waits; without room for it, it waits no longer.
func (m *Messages) persist(ctx context.Context, one *message) error {
	id := one.stanza.ID // of the hook it is its own: a repetition takes its place
	if !one.ofHook() {
		id = ulid.Make().String()
	}
	err := m.Store.Put(ctx, one.WaitingMessage, one.stanza.To.String(), id)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.dequeue(one)
	}
	close(one.stored)
	one.stored = nil
	return err
}

// remember keeps a message that is sent, as the room may have lost the bot: see Bounced.
func (m *Messages) remember(one *message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.recent.Add(sent{one.stanza.To, one.stanza.ID}, one)
}

// Bounced reports whether an error stanza is about a message of a hook that the room has not
// taken as it has lost the bot (XEP-0045 section 7.4). The message then waits for the next
// join, once. It does not wait.
//
// Killed before it is stored: the message is lost.
func (m *Messages) Bounced(s *stanza.Stanza) bool {
	if e, ok := s.StanzaError(); !ok || e.Condition != stanza.NotAcceptable {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	one, ok := m.recent.Get(sent{s.From, s.ID})
	m.recent.Remove(sent{s.From, s.ID})
	if !ok || one.again || m.stopped {
		return false
	}
	again := &message{WaitingMessage: one.WaitingMessage, stanza: one.stanza, again: true}
	m.running.Go(func() {
		if _, err := m.put(m.ctx, again); err != nil {
			m.Failed(again.Owner, again.stanza, err.Error())
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

// enqueue lets a message wait, in the order in which messages were given. m.mu is held.
func (m *Messages) enqueue(one *message) {
	at := one.place()
	r := m.rooms[at]
	if r == nil {
		r = &room{all: m, place: at}
		m.rooms[at] = r
		if !m.stopped {
			m.running.Go(func() { r.run(m.ctx) })
		}
	}
	one.queued = true
	i, _ := slices.BinarySearchFunc(r.queue, one, func(a, b *message) int { return cmp.Or(a.Time.Compare(b.Time), -1) })
	r.queue = slices.Insert(r.queue, i, one)
	r.bytes += len(one.stanza.XML())
	if one.answer != nil {
		m.answers += len(one.stanza.XML())
	}
}

// dequeue takes a message out of its queue. m.mu is held.
func (m *Messages) dequeue(one *message) {
	r := m.rooms[one.place()]
	if r == nil {
		return
	}
	i := slices.Index(r.queue, one)
	if i < 0 {
		return
	}
	r.queue = slices.Delete(r.queue, i, i+1)
	r.bytes -= len(one.stanza.XML())
	if one.answer != nil {
		m.answers -= len(one.stanza.XML())
	}
}

// remove takes a message off the disk.
func (m *Messages) remove(one *store.WaitingMessage) {
	if err := m.Store.Remove(context.Background(), one); err != nil {
		m.repeats.Warn(m.Log, "message to a room not removed", zap.Error(err), zap.String("hint", "it is sent again after a restart"))
	}
}

// Count returns how many messages wait on disk.
func (m *Messages) Count() int { return m.Store.Count() }

// Answers returns how many bytes of answers wait in memory.
func (m *Messages) Answers() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.answers
}
