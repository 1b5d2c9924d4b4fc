package rooms

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/component/archive"
	"stanzahook/component/forward"
	"stanzahook/component/services"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/loglimit"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// Options configure [Rooms].
type Options struct {
	Store   *store.Rooms
	Archive *archive.Collector
	// Services knows what the services of rooms offer; nil: nothing is known, and a service
	// that does not answer is waited for each time.
	Services *services.Services
	// Deliver passes an event to the endpoints: forward.Forward.Deliver.
	Deliver func(forward.OfRoom)
	// Home, which may be nil, reports whether a domain is of our own server, besides those beside the
	// component. It must not block.
	Home func(domain string) bool
	// Echoed, which may be nil, is called when a room has sent back a message: with the address
	// that Address gave it, its id, and the stanza-id that the room has given it; empty: none that
	// can be trusted. It must not block.
	Echoed func(self, room jid.JID, id, stanzaID string)
	// Ours, which may be nil, reports whether a message of a room, by its id or stanza-id, is
	// one of the bot. It must not block.
	Ours func(bot, room jid.JID, id string) bool
	// Chosen, which may be nil, reports whether a message of a room is an answer by a button of
	// the bot. It must not block.
	Chosen func(bot, room jid.JID, nick string, s *stanza.Stanza) bool
	// Presence, which may be nil, returns what the available presence of a bot, a bare JID,
	// carries. It must not block.
	Presence func(bot jid.JID) string
	// OnState, which may be nil, is called with each new state of a bot in a room, and why it
	// is refused. It must not block.
	OnState func(room, bot jid.JID, state muc.State, why stanza.Condition)
	// MaxWaiting bounds the events of all rooms that wait for room in the queues of their
	// endpoints, in bytes; 0: 16 MiB.
	MaxWaiting int
	Log        *zap.Logger
}

// Counters count since the start of the process.
type Counters struct {
	Joins, Refusals, Missed, Own, Muted, Unacknowledged, Invites atomic.Int64
	Deferred                                                     atomic.Int64 // events that a queue had no room for, each time
	Dropped                                                      atomic.Int64 // events that found no room to wait; most come again as missed
	Full, OverShare                                              atomic.Int64 // bots that got no place in a room
}

// Rooms are all bots in rooms.
type Rooms struct {
	o        Options
	log      *zap.Logger
	repeats  loglimit.Limiter
	wake     chan struct{}
	queries  chan struct{} // places of those that ask an archive
	waits    waits
	process  string    // another one in each process, see session.author
	events   sync.Pool // of *[1]muc.Event, which most stanzas make one of: see muc.Room.Reuse
	Counters Counters

	mu       sync.RWMutex
	policy   Policy
	sessions map[key]*session
	list     []*session // all of sessions; nil: it has to be made anew, see all
	byRoom   map[jid.JID][]*session
	links    map[string]*component.Link // that are connected, by domain
	created  map[[2]string]Creation     // component and service: what came of the last try to make a room, see creation
	stored   map[key]store.RoomRecord   // of the process before, not used yet
	departed map[key]*departed
	stopped  bool

	// forgetting is held while a record is taken out of the store, so that one that is made
	// meanwhile is not the one that goes. It is taken before mu.
	forgetting sync.Mutex
}

// key is a room, bare, and the bot in it, with its resource.
type key struct{ room, self jid.JID }

// New reads the stored rooms. Those of the configuration come with Set.
func New(ctx context.Context, o Options) (*Rooms, error) {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	r := &Rooms{o: o, log: o.Log, process: rand.Text(), wake: make(chan struct{}, 1), sessions: make(map[key]*session), byRoom: make(map[jid.JID][]*session),
		links: make(map[string]*component.Link), created: make(map[[2]string]Creation), queries: make(chan struct{}, maxQueries), stored: make(map[key]store.RoomRecord), departed: make(map[key]*departed)}
	if o.Services != nil {
		o.Services.OnSilent = r.setMute
	}
	r.waits.max = cmp.Or(o.MaxWaiting, maxWaiting)
	all, err := o.Store.All(ctx)
	if err != nil {
		return nil, err
	}
	for _, rec := range all {
		if k, err := keyOf(jid.FromServer(rec.Room), jid.FromServer(rec.Bot)); err == nil {
			r.stored[k] = rec
		}
	}
	return r, nil
}

func keyOf(room, bot jid.JID) (key, error) {
	self, err := bot.WithResource(Resource)
	if err != nil {
		return key{}, fmt.Errorf("from: %w", err)
	}
	return key{room.Bare(), self}, nil
}

// find returns the session of a bot in a room; without a bot, of the only one in it.
func (r *Rooms) find(room, bot jid.JID) (*session, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if !bot.IsZero() {
		k, err := keyOf(room, bot.Bare())
		if err != nil {
			return nil, err
		}
		if s := r.sessions[k]; s != nil {
			return s, nil
		}
		return nil, ErrNone
	}
	switch list := r.byRoom[room.Bare()]; len(list) {
	case 0:
		return nil, ErrNone
	case 1:
		return list[0], nil
	}
	return nil, ErrSeveral
}

// Update sends the presence of bots to their rooms, with what it carries now, and returns to how
// many of each.
//
// Killed: the rooms see it at the next join.
func (r *Rooms) Update(ctx context.Context, bots map[jid.JID]bool) (told map[jid.JID]int) {
	n := 0
	told = make(map[jid.JID]int)
	for _, s := range r.all() {
		if !bots[s.self.Bare()] || ctx.Err() != nil {
			continue
		}
		s.mu.Lock()
		s.apply(time.Now(), s.room.Update())
		link := s.link
		s.mu.Unlock()
		if n++; n%updatesAtOnce == 0 && link != nil {
			_, _ = link.RoundTrip(ctx) // what others send meanwhile is not waited for; without a connection the rooms are joined anew
		}
		told[s.self.Bare()]++
	}
	return told
}

// updatesAtOnce is how many presences go to rooms before others may send again.
const updatesAtOnce = 100

// all returns all sessions. Nobody may change the result.
func (r *Rooms) all() []*session {
	r.mu.RLock()
	list := r.list
	r.mu.RUnlock()
	if list != nil {
		return list
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = make([]*session, 0, len(r.sessions))
	for _, s := range r.sessions {
		r.list = append(r.list, s)
	}
	return r.list
}

// poke lets Run look at the sessions.
func (r *Rooms) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}
