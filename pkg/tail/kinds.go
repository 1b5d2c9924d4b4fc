package tail

import (
	"strings"
	"time"
)

// Kind is what an event is about.
type Kind uint8

// The kinds.
const (
	OfDelivery Kind = iota
	OfLink
	OfEndpoint
	OfRoster
	OfOutbox
	OfRoom
	OfHook
	OfCommand
	OfHTTP
)

var kinds = [...]string{"delivery", "link", "endpoint", "roster", "outbox", "room", "hook", "command", "http"}

// String returns the name of a kind.
func (k Kind) String() string { return kinds[k] }

// Delivery is a change of state of a delivery, with its newest attempt.
type Delivery struct {
	Time time.Time

	ID, Endpoint, State, Type, From, To, Reason string

	N           int // the number of the attempt; 0: none was made
	Status      int // of the answer; 0: there was none
	Took        time.Duration
	Error, Note string
}

// Delivery adds a change of a delivery. It keeps nothing of d.
func (t *Tail) Delivery(d *Delivery) {
	texts := [...]string{
		endpointText: d.Endpoint, fromText: d.From, toText: d.To, idText: d.ID, stateText: d.State, typeText: d.Type,
		reasonText: cut(d.Reason, maxReason), errorText: cut(d.Error, maxError), noteText: cut(d.Note, maxNote),
	}
	t.mu.Lock()
	s := t.next(OfDelivery, d.Time)
	s.fill(texts[:])
	s.n, s.status, s.took = d.N, d.Status, d.Took
	t.added()
	t.mu.Unlock()
}

// Link is a new state of the link of a component.
type Link struct{ Component, State, Reason string }

// Link adds a new state of a link.
func (t *Tail) Link(l Link) { t.add(OfLink, "", "", l) }

// Endpoint is a new state of an endpoint.
type Endpoint struct{ Endpoint, State, Reason string }

// Endpoint adds a new state of an endpoint.
func (t *Tail) Endpoint(e Endpoint) { t.add(OfEndpoint, e.Endpoint, "", e) }

// Roster is the end of a refresh.
type Roster struct{ User, Result, Detail string }

// Roster adds the end of a refresh.
func (t *Tail) Roster(r Roster) { t.add(OfRoster, "", r.User, r) }

// Outbox is what waits for the XMPP server.
type Outbox struct {
	Component string
	Count     int
	Bytes     int64
}

// Outbox adds what waits in an outbox.
func (t *Tail) Outbox(o Outbox) { t.add(OfOutbox, "", "", o) }

// Room is a new state of a bot in a room.
type Room struct{ Room, From, State, Condition string }

// Room adds a new state of a bot in a room.
func (t *Tail) Room(r Room) { t.addOf(OfRoom, "", r.From, r.Room, r) }

// Hook is a request of another tool to one of our hooks, or a message of a hook that came
// back.
type Hook struct {
	Hook, Adapter, Result string
	Messages              int
}

// Hook adds a request to a hook.
func (t *Tail) Hook(h Hook) { t.add(OfHook, "", "", h) }

// Command is a step of a command of a bot that its endpoint was asked about. Room is empty, or
// that where it was written; By is client or chat.
type Command struct {
	Command, Endpoint, From, Bot, Room, By, Result, Reason string
	Step                                                   int
	Took                                                   time.Duration
}

// Command adds a step of a command.
func (t *Tail) Command(c Command) {
	c.Reason = cut(c.Reason, maxReason)
	t.addOf(OfCommand, c.Endpoint, c.From, c.Bot, c)
}

// Request is a request that our HTTP server has answered.
type Request struct {
	Token, Method, Route string
	Status               int
	Took                 time.Duration
}

// Request adds an answered request.
func (t *Tail) Request(r Request) { t.add(OfHTTP, "", "", r) }

// add adds an event of a kind whose data stays as it is.
func (t *Tail) add(kind Kind, endpoint, jid string, data any) { t.addOf(kind, endpoint, jid, "", data) }

// addOf is add for an event between two addresses.
func (t *Tail) addOf(kind Kind, endpoint, from, to string, data any) {
	texts, now := [...]string{endpointText: endpoint, fromText: from, toText: to}, time.Now()
	t.mu.Lock()
	s := t.next(kind, now)
	s.fill(texts[:])
	s.data = data
	t.added()
	t.mu.Unlock()
}

// Bounds of texts, in bytes; those of the delivery log.
const (
	maxReason = 1 << 10
	maxError  = 512
	maxNote   = 256
)

// cut shortens a text to most bytes.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
