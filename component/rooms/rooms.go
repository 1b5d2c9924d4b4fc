package rooms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/component/archive"
	"stanzahook/component/forward"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/loglimit"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/store"
)

// Resource is that of every bot in a room.
const Resource = "room"

// Where a room comes from.
const (
	FromConfig = "config"
	FromAPI    = "api"
	FromInvite = "invite"
)

// Settings say how a bot is in a room.
type Settings struct {
	Room, Bot jid.JID // bare
	Nick      string  // empty: the localpart of Bot
	Password  secret.String
	History   int // muc.Missed, muc.NoHistory, or a number
	Create    bool
	Config    map[string][]string
	Rejoin    bool
	Source    string
}

// Policy holds for all rooms.
type Policy struct {
	AnyInvite   bool
	Invites     []jid.Glob // of the inviter or of the room
	MaxRooms    int        // of a component
	SelfPing    time.Duration
	LeaveOnStop bool
	CatchUpMax  int
	CatchUpAge  time.Duration
	MaxAnswers  int // of webhooks into one room, a minute
}

// Errors of Keep and Leave.
var (
	ErrConfigured = errors.New("the room is one of the configuration")
	ErrFull       = errors.New("the component has as many rooms as room_policy.max_rooms allows")
	ErrNone       = errors.New("the bot is not kept in this room")
	ErrSeveral    = errors.New("several bots are in this room: say which one with from")
)

// Options configure [Rooms].
type Options struct {
	Store   *store.Rooms
	Archive *archive.Collector
	// Deliver passes an event to the endpoints: forward.Forward.Deliver.
	Deliver func(forward.OfRoom)
	// Echoed, which may be nil, is called when a room has sent back a message: with the address
	// that Address gave it, and its id. It must not block.
	Echoed func(self, room jid.JID, id string)
	Log    *zap.Logger
}

// Counters count since the start of the process.
type Counters struct {
	Joins, Refusals, Missed, Own, Muted, Invites atomic.Int64
}

// Rooms are all bots in rooms.
type Rooms struct {
	o        Options
	log      *zap.Logger
	repeats  loglimit.Limiter
	wake     chan struct{}
	Counters Counters

	mu       sync.RWMutex
	policy   Policy
	sessions map[key]*session
	byRoom   map[jid.JID][]*session
	links    map[string]*component.Link // that are connected, by domain
	mute     map[[2]string]bool         // component and service: it answers no IQs to bare addresses
	stored   map[key]store.RoomRecord   // of the process before, not used yet
	stopped  bool
}

// key is a room, bare, and the bot in it, with its resource.
type key struct{ room, self jid.JID }

// kept is how a room that the API or an invitation made is stored.
type kept struct {
	Nick     string              `json:"nick"`
	Password string              `json:"password,omitempty"`
	History  int                 `json:"history"`
	Create   bool                `json:"create,omitempty"`
	Config   map[string][]string `json:"config,omitempty"`
	Rejoin   bool                `json:"rejoin,omitempty"`
	Source   string              `json:"source"`
}

// New reads the stored rooms. Those of the configuration come with Set.
func New(ctx context.Context, o Options) (*Rooms, error) {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	r := &Rooms{o: o, log: o.Log, wake: make(chan struct{}, 1), sessions: make(map[key]*session), byRoom: make(map[jid.JID][]*session),
		links: make(map[string]*component.Link), mute: make(map[[2]string]bool), stored: make(map[key]store.RoomRecord)}
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

// Set takes over the rooms of the configuration and the policy. Rooms of it that have
// refused us are tried again at a reload; rooms that are not in it any more are left.
func (r *Rooms) Set(configured []Settings, p Policy) {
	r.mu.Lock()
	first := r.policy.MaxRooms == 0
	r.policy = p
	wanted := make(map[key]bool)
	change := make(map[*session]Settings)
	var leave, added []*session
	for _, set := range configured {
		set.Source = FromConfig
		k, err := keyOf(set.Room, set.Bot)
		if err != nil {
			continue // it was checked
		}
		wanted[k] = true
		if s := r.sessions[k]; s != nil {
			change[s] = set
			continue
		}
		s, err := r.add(k, set)
		if err != nil {
			r.log.Error("room not joined", zap.Stringer("room", set.Room), zap.Stringer("bot", set.Bot), zap.Error(err))
			continue
		}
		added = append(added, s)
	}
	for k, s := range r.sessions {
		switch {
		case first || wanted[k]:
		case s.settings().Source == FromConfig:
			leave = append(leave, s)
		default:
			change[s] = s.settings()
		}
	}
	if first {
		r.addStored()
	}
	links := maps.Clone(r.links)
	r.mu.Unlock()
	for _, s := range added {
		if link := links[s.self.Domain()]; link != nil {
			s.connected(link)
		}
	}
	for _, s := range leave {
		r.drop(context.Background(), s, "")
	}
	for s, set := range change {
		s.change(set, p)
		if set.Source == FromConfig {
			s.retry(false)
		}
	}
	r.poke()
}

// addStored adds the rooms that the API and invitations made, and forgets the others that
// are not in the configuration any more. r.mu is held.
func (r *Rooms) addStored() {
	for k, rec := range r.stored {
		if len(rec.Kept) == 0 {
			go r.forget(rec.Room, rec.Bot)
			continue
		}
		var o kept
		if err := json.Unmarshal(rec.Kept, &o); err != nil {
			r.log.Error("room unreadable", zap.String("room", rec.Room), zap.Error(err))
			continue
		}
		set := Settings{Room: k.room, Bot: k.self.Bare(), Nick: o.Nick, Password: secret.New(o.Password), History: o.History, Create: o.Create, Config: o.Config, Rejoin: o.Rejoin, Source: o.Source}
		if _, err := r.add(k, set); err != nil {
			r.log.Error("room not joined", zap.String("room", rec.Room), zap.String("bot", rec.Bot), zap.Error(err))
		}
	}
}

func (r *Rooms) forget(room, bot string) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	if err := r.o.Store.Remove(ctx, room, bot); err != nil {
		r.log.Warn("room not forgotten", zap.String("room", room), zap.Error(err))
	}
}

// add makes the session of a room; r.mu is held. The link, if it is connected, has to be
// told by its caller.
func (r *Rooms) add(k key, set Settings) (*session, error) {
	n := 0
	for other := range r.sessions {
		if other.self.Domain() == k.self.Domain() {
			n++
		}
	}
	if n >= r.policy.MaxRooms {
		return nil, ErrFull
	}
	s := &session{all: r, key: k, changed: make(chan struct{})}
	s.set.Store(&set)
	rec := r.stored[k]
	delete(r.stored, k)
	var m muc.Mark
	if len(rec.Mark) > 0 {
		if err := json.Unmarshal(rec.Mark, &m); err != nil {
			r.log.Warn("mark of a room unreadable", zap.Stringer("room", k.room), zap.Error(err), zap.String("hint", "what was said while stanzahook was away is not delivered"))
		}
	}
	room, err := muc.New(s.options(set, r.policy), m)
	if err != nil {
		return nil, err
	}
	s.room = room
	if len(rec.Refused) > 0 {
		var why muc.Refusal
		_ = json.Unmarshal(rec.Refused, &why) // we wrote it
		s.room.Refuse(time.Now(), why)
		s.refusedStored = true
	}
	s.state = s.room.Status().State
	nick := s.room.Options().Nick
	s.nick.Store(&nick)
	s.mark, s.marked = rec.Mark, len(rec.Mark) > 0
	r.sessions[k] = s
	r.byRoom[k.room] = append(r.byRoom[k.room], s)
	return s, nil
}

// Keep puts a bot into a room, and keeps it there over restarts. It does not wait for the
// join. Of a room that is kept, it changes nick and password, and tries again if the room
// had refused.
//
// Killed before it returns: the room is kept or not.
//
// Errors: ErrConfigured, ErrFull, and those of settings that make no sense.
func (r *Rooms) Keep(ctx context.Context, set Settings) error {
	k, err := keyOf(set.Room, set.Bot)
	if err != nil {
		return err
	}
	r.mu.Lock()
	if r.stopped {
		r.mu.Unlock()
		return errors.New("stanzahook is stopping")
	}
	s := r.sessions[k]
	if s != nil && s.settings().Source == FromConfig {
		r.mu.Unlock()
		return ErrConfigured
	}
	isNew := s == nil
	if isNew {
		if set.Source == "" {
			set.Source = FromAPI
		}
		if s, err = r.add(k, set); err != nil {
			r.mu.Unlock()
			return err
		}
	} else {
		set.Source = s.settings().Source
	}
	link, policy := r.links[k.self.Domain()], r.policy
	r.mu.Unlock()
	if !isNew {
		if err := checkSettings(s.options(set, policy)); err != nil {
			return err
		}
		s.change(set, policy)
	}
	if err := s.save(ctx); err != nil {
		if isNew {
			r.drop(ctx, s, "")
		}
		return err
	}
	switch {
	case isNew && link != nil:
		s.connected(link)
	case !isNew:
		s.retry(true)
	}
	r.poke()
	return nil
}

func checkSettings(o muc.Options) error {
	_, err := muc.New(o, muc.Mark{})
	return err
}

// Leave takes a bot out of a room, and keeps it no longer. With destroy the room itself
// ends, if the bot owns it.
//
// Errors: ErrNone, ErrConfigured; with destroy a *stanza.Error of the room.
func (r *Rooms) Leave(ctx context.Context, room, bot jid.JID, destroy bool, reason string) error {
	s, err := r.find(room, bot)
	if err != nil {
		return err
	}
	if s.settings().Source == FromConfig {
		return ErrConfigured
	}
	if destroy {
		if err := r.destroy(ctx, s, reason); err != nil {
			return err
		}
	}
	r.drop(ctx, s, reason)
	return nil
}

// drop leaves a room and forgets it.
func (r *Rooms) drop(ctx context.Context, s *session, status string) {
	s.leave(status)
	r.mu.Lock()
	delete(r.sessions, s.key)
	list := r.byRoom[s.key.room]
	for i := range list {
		if list[i] == s {
			r.byRoom[s.key.room] = append(append([]*session(nil), list[:i]...), list[i+1:]...)
			break
		}
	}
	if len(r.byRoom[s.key.room]) == 0 {
		delete(r.byRoom, s.key.room)
	}
	r.mu.Unlock()
	s.erase(ctx)
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

// all returns all sessions.
func (r *Rooms) all() []*session {
	r.mu.RLock()
	defer r.mu.RUnlock()
	list := make([]*session, 0, len(r.sessions))
	for _, s := range r.sessions {
		list = append(list, s)
	}
	return list
}

// poke lets Run look at the sessions.
func (r *Rooms) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// same reports whether two settings differ in nothing but nick and password.
func same(a, b Settings) bool {
	a.Nick, b.Nick, a.Password, b.Password = "", "", secret.String{}, secret.String{}
	return reflect.DeepEqual(a, b)
}
