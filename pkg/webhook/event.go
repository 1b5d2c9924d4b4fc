package webhook

import (
	"time"

	"github.com/oklog/ulid/v2"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/tracing"
)

// Event is one stanza for one endpoint.
type Event struct {
	ID        string // "evt_…"; the webhook-id, constant over attempts and restarts
	Component string // domain of the link it came over
	Received  time.Time
	Test      bool // made up, to try an endpoint
	Stanza    *stanza.Stanza
	Facts     Facts
	Type      string // as TypeOf has it; empty: it is found whenever it is needed
	Room      *Room  // as RoomOf has it; nil: so is that
	// Conversation is the key of the events that a queue keeps in order with this one, by its
	// two bare addresses; empty: it is made of them whenever it is needed.
	Conversation string
	Data         []byte        // of an event with data of its own, in place of those of its stanza: see judgeOwn
	Span         *tracing.Span // that requests are made in; nil: they are not traced
	// Who counts as its sender where senders share something; zero: who has sent its stanza.
	// Everybody in a room writes from the address of that.
	Who jid.JID
	// Until is when nobody waits for the answer to a request any more; zero: somebody does. No
	// attempt begins after it: its sender has been told that nothing came of it.
	Until time.Time
}

// NewEventID returns an Event.ID.
func NewEventID() string {
	const prefix = "evt_"
	var b [len(prefix) + ulid.EncodedSize]byte
	copy(b[:], prefix)
	_ = ulid.Make().MarshalTextTo(b[len(prefix):]) // it has the size
	return string(b[:])
}

// room returns what is known of the room that an event is from; nil of others.
func (ev *Event) room() *Room {
	if ev.Room != nil {
		return ev.Room
	}
	return RoomOf(ev.Stanza)
}

// TypeName returns the type.
func (ev *Event) TypeName() string {
	if ev.Type != "" {
		return ev.Type
	}
	return TypeOf(ev.Stanza)
}

// value returns the value of a placeholder.
func (ev *Event) value(placeholder string) string {
	switch placeholder {
	case "{to}":
		return ev.Stanza.To.String()
	case "{from}":
		return ev.Stanza.From.String()
	case "{kind}":
		return ev.Stanza.Kind.String()
	}
	return ev.Stanza.EffectiveType()
}
