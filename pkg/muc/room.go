package muc

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// State is where a bot stands with a room.
type State string

// The states.
const (
	Waiting State = "waiting" // for the connection, or for the end of a pause
	Joining State = "joining"
	Joined  State = "joined"
	Refused State = "refused" // by the room: it is not joined again
	Left    State = "left"    // because Leave was called
)

// Missed as Options.History asks for what was said since the mark; a number, for the
// first join, for so many messages.
const (
	Missed    = -1
	NoHistory = 0
)

// Options configure a [Room].
type Options struct {
	Room     jid.JID // bare
	Self     jid.JID // the bot, with a resource
	Nick     string  // wanted; another one is taken while somebody else has it
	Password string
	History  int // Missed, NoHistory, or how many messages at the first join
	// MaxAge and MaxMissed bound what is asked for of the past. Zero: 24 hours, 500.
	MaxAge    time.Duration
	MaxMissed int
	Config    map[string][]string // of a room that is made, by variable; "muc#roomconfig_" may be left out
	Create    bool                // make the room if it is not there
	Rejoin    bool                // join again after a kick: a minute later, three times an hour at most
	// Mute says that the room's service answers no IQs to bare addresses: nothing is asked.
	Mute bool
	// Answers says that the service has answered others: an answer that does not come at once
	// is waited for, instead of doing without an archive.
	Answers bool
	// Presence, which may be nil, returns what the bot's available presence carries.
	Presence     func() string
	SelfPing     time.Duration  // after so much silence; 0: never
	MaxOccupants int            // known by nick; 0: 5000
	Jitter       func() float64 // from 0 to 1; nil: random
	NewID        func() string  // of stanzas; nil: numbers
}

// Output is what follows from an input: stanzas to send, then events to handle.
type Output struct {
	Send   []*stanza.Stanza
	Events []Event
}

// Refusal is an error of a room, or the end of the stay in it.
type Refusal struct {
	Condition stanza.Condition // of the error; empty after a kick and the like
	Text      string
	Creation  bool `json:",omitempty"` // the room is not there, and the bot may not make it
}

const noCreation = "the bot may not create rooms at this service"

// Advice says what a refusal means, and what to do (XEP-0045 section 7.2); empty if the
// condition does not say.
func (r Refusal) Advice() string {
	if unreachable(&stanza.Error{Condition: r.Condition, Text: r.Text}) {
		return "the server knows no such service of rooms; look at the address"
	}
	if r.Creation { // ejabberd says so with the condition of a ban
		return noCreation
	}
	switch r.Condition {
	case stanza.RegistrationRequired:
		return "only members may enter; an owner or admin of the room can make the bot a member"
	case stanza.NotAuthorized:
		return "the room has a password, and it is not this one"
	case stanza.Forbidden:
		return "the bot is banned; an owner or admin of the room can let it in again"
	case stanza.Conflict:
		return "somebody else has the nick; take another one"
	case stanza.ServiceUnavailable:
		return "the room is full, or there is no service for rooms"
	case stanza.NotAllowed:
		return noCreation
	case stanza.ItemNotFound:
		return "let the bot make it (create: true, or --create), or somebody else has to make it, or to open it, first"
	case stanza.RemoteServerNotFound, stanza.RemoteServerTimeout:
		return "the server of the room cannot be reached; look at the address"
	}
	return ""
}

// How long to wait for answers.
const (
	joinWait    = 30 * time.Second
	subjectWait = 15 * time.Second
	pongWait    = 30 * time.Second
	iqWait      = 5 * time.Second
	firstPause  = 5 * time.Second
	longPause   = 5 * time.Minute
	kickPause   = time.Minute
	maxRejoins  = 3 // after kicks, an hour
)

// Room is one bot in one room.
type Room struct {
	o    Options
	out  Output
	at   alarms
	last int // number of the last id

	state   State
	since   time.Time
	refusal Refusal
	pause   time.Duration
	heard   time.Time   // of the last stanza from the room
	pinged  jid.JID     // ourselves in the room, as the last self-ping had it
	kicks   []time.Time // of the last hour, for Rejoin

	online   bool // there is a connection
	made     bool // by the last join
	outdated bool // what the presence of the join carried is not what it carries now
	itself   bool // the own presence has come
	arranged bool // the configuration of a new room is done, or there is none
	try      int8 // of nicks, see tryNick

	remark   string // on the configuration of a new room
	nick     string // own: true while joined, asked for while joining
	renameTo string // the nick of a change that is not answered; empty: none
	subject  string // its beginning
	topic    uint64 // the hash of all of it

	occupants
	echoes
	mark
	catchUp
	traits
}

// traits are what the room says about itself (XEP-0045 section 6.4).
type traits struct {
	known       bool
	archive     bool // it has one (XEP-0313)
	stanzaIDs   bool // it sets them
	occupantIDs bool
	anonymous   bool
}

// New returns a room that is not joined yet, with the mark of an earlier stay.
func New(o Options, m Mark) (*Room, error) {
	if !o.Room.IsBare() || o.Room.Local() == "" {
		return nil, fmt.Errorf("room: %q is not the address of a room, such as ops@rooms.example.com", o.Room)
	}
	if !o.Self.IsFull() {
		return nil, fmt.Errorf("self: %q has no resource", o.Self)
	}
	if err := CheckNick(o.Nick); err != nil {
		return nil, err
	}
	if stanza.CheckText(o.Password) >= 0 {
		return nil, errors.New("password: holds a character XML forbids")
	}
	if o.MaxAge == 0 {
		o.MaxAge = 24 * time.Hour
	}
	if o.MaxMissed == 0 {
		o.MaxMissed = 500
	}
	if o.MaxOccupants == 0 {
		o.MaxOccupants = 5000
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	o.Nick = prepared(o.Nick)
	r := &Room{o: o, state: Waiting, nick: o.Nick, topic: hash("")}
	r.mark.set(m)
	return r, nil
}

// CheckNick returns why a text cannot be a nick.
func CheckNick(nick string) error {
	if nick == "" {
		return errors.New("nick: is empty")
	}
	room := jid.MustParse("room@example.com")
	full, err := room.WithResource(prepared(nick))
	if err != nil {
		return fmt.Errorf("nick: %w", err)
	}
	if len(full.Resource()) > maxNick {
		return fmt.Errorf("nick: has %d bytes; %d are allowed", len(nick), maxNick)
	}
	return nil
}

// maxNick is below what a resource can hold (RFC 7622 section 3.4), for the "-2" of another
// try.
const (
	maxNick     = 1000
	maxResource = 1023
)

// Reuse gives the room memory for the events of its next output, which is used up to its
// capacity.
func (r *Room) Reuse(events []Event) { r.out.Events = events[:0] }

// take returns the output so far.
func (r *Room) take() Output {
	out := r.out
	r.out = Output{}
	return out
}

func (r *Room) emit(e *Event) { r.out.Events = append(r.out.Events, *e) }

func (r *Room) become(now time.Time, s State) {
	if r.state != s {
		r.state, r.since = s, now
	}
}

func (r *Room) stop(list ...timer) {
	for _, t := range list {
		r.at.clear(t)
	}
}

func (r *Room) stopAll() {
	for t := range timers {
		r.stop(t)
	}
}

// newID returns the id of a stanza, and notes that a timer waits for its answer.
func (r *Room) newID(t timer, until time.Time) string {
	r.last++
	id := strconv.Itoa(r.last)
	if r.o.NewID != nil {
		id = r.o.NewID()
	}
	r.at.set(t, until)
	r.at.ids[t-pongTimer] = id
	return id
}

// Deadline returns when Advance has something to do; zero for never.
func (r *Room) Deadline() time.Time {
	return r.at.first()
}

// Advance does what is due.
func (r *Room) Advance(now time.Time) Output {
	for t := range timers {
		if !r.at.due(t, now) {
			continue
		}
		if t == pingTimer {
			r.ping(now)
			continue
		}
		r.stop(t)
		switch t {
		case joinTimer:
			r.pauseFor(now, Refusal{Condition: stanza.RemoteServerTimeout, Text: "the room did not answer"})
		case subjectTimer:
			r.complete(now)
		case retryTimer:
			r.join(now)
		case pongTimer:
			r.pauseFor(now, Refusal{Condition: stanza.RemoteServerTimeout, Text: "the room did not answer a ping"})
		case formTimer:
			r.configured(now, "its service does not answer IQs")
		case catchTimer:
			r.unanswered()
		}
	}
	return r.take()
}

// Standing is the part of a [Status] that says where the bot is.
type Standing struct {
	State      State
	Nick       string
	Present    bool // the room says that the bot is in it, with this nick
	CatchingUp bool // it waits for what was missed
	Renaming   bool // it has asked for another nick
}

// Standing returns where the bot is. It costs less than Status, for what asks at each message.
func (r *Room) Standing() Standing {
	return Standing{State: r.state, Nick: r.nick, Present: r.present(), CatchingUp: r.catching, Renaming: r.renaming()}
}

// renaming reports whether another nick is asked for.
func (r *Room) renaming() bool { return r.state == Joined && r.renameTo != "" }

// StanzaIDs reports whether the stanza-ids of the room can be trusted.
func (r *Room) StanzaIDs() bool { return r.stanzaIDs }

// Status is a snapshot of a room, for people.
type Status struct {
	State       State
	Since       time.Time
	Refusal     Refusal   // of the last attempt, unless it is joined
	NextAttempt time.Time // zero: none is planned
	Nick        string
	Present     bool // the room says that the bot is in it, with this nick
	Affiliation string
	Role        string
	Subject     string
	Occupants   int
	Cut         bool // there are more occupants than are known by nick
	Anonymous   bool
	Archive     bool
	StanzaIDs   bool // of the room can be trusted
	Remark      string
	Made        bool // the last join has made the room
	CatchingUp  bool // it waits for what was missed
	Renaming    bool // it has asked for another nick
}

// Status returns where the bot stands.
func (r *Room) Status() Status {
	st := Status{State: r.state, Since: r.since, Refusal: r.refusal, NextAttempt: r.nextAttempt(), Nick: r.nick, Present: r.present(), Subject: r.subject,
		Occupants: len(r.byNick) + len(r.uncounted), Cut: len(r.uncounted) > 0, Anonymous: r.anonymous, Archive: r.archive, StanzaIDs: r.stanzaIDs, Remark: r.remark, Made: r.made, CatchingUp: r.catching, Renaming: r.renaming()}
	if own := r.find(r.nick); own != nil && r.state == Joined {
		is := own.whole()
		st.Affiliation, st.Role = is.Affiliation, is.Role
	}
	return st
}

// nextAttempt returns when the room is joined again; zero if it is not. Timers go by the monotonic
// clock, and this is for people: it goes by the clock as it was when the wait began.
func (r *Room) nextAttempt() time.Time {
	at := r.at.when(retryTimer)
	if at.IsZero() {
		return at
	}
	return r.since.Add(at.Sub(r.since))
}

// present reports whether the room has said that the bot is in it, and has not said otherwise.
func (r *Room) present() bool { return r.state == Joined || r.state == Joining && r.itself }

// Options returns what the room was made with.
func (r *Room) Options() Options { return r.o }

// SetMute says from now on that the service does not answer IQs to bare addresses, or
// that it does.
func (r *Room) SetMute(mute bool) { r.o.Mute = mute }

// SetAnswers says from now on that the service has answered others, or that it is not known to.
func (r *Room) SetAnswers(answers bool) { r.o.Answers = answers }
