package gateway

import (
	"context"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Sender sends stanzas over our components for others, and reports what became of them.
type Sender interface {
	// Domains returns those of our components.
	Domains() []jid.JID
	// Limits returns those of a stanza that leaves from an address.
	Limits(from jid.JID) stanza.Limits
	// Send sends a message or presence. Errors: ErrFull, ErrBusy, ErrDown and
	// ErrRejected (the stanza was not sent); ErrUnconfirmed and that of ctx (it may
	// have been sent); [*TooOften]; [*Bounced] if how.ReportBounce is set.
	Send(ctx context.Context, s *stanza.Stanza, how Sending) (State, error)
	// Request sends an IQ of type get or set and returns its answer, which may be an
	// error stanza. Errors: ErrDown (also if the connection is lost before the
	// answer), ErrBusy, ErrSameID, that of ctx.
	Request(ctx context.Context, s *stanza.Stanza) (*stanza.Stanza, error)
}

// Sending is how a message or presence is sent. With the zero Sending nobody learns more
// than what Send returns.
type Sending struct {
	// Caller is who may ask later what became of the message; empty: nobody.
	Caller string
	// Ref is the text of the message's message.Ref, for those who ask later; empty: the
	// stanza says all of it.
	Ref string
	// ReportBounce makes an error that comes back before the confirmation an error of
	// Send, and no event.
	ReportBounce bool
	// Wait is how long to wait for the confirmation of a stanza that had to be stored, and
	// for the echo. Without a connection Send does not wait.
	Wait time.Duration
	// Echo waits until the room has sent a groupchat message back to all in it. An error that
	// comes until then is one that comes before the confirmation.
	Echo bool
	// Edits is the id of our message that this one corrects or retracts; empty: it does
	// not, or goes out at once all the same. A correction soon after another one waits on
	// disk; the next one takes its place, and it is Replaced.
	Edits string
}

// State is the state of an accepted stanza.
type State string

// The states of an accepted stanza.
const (
	Confirmed State = "confirmed" // the XMPP server has it
	Queued    State = "queued"    // it is stored on disk
	Echoed    State = "echoed"    // the room has sent it back: all in it have it
	Replaced  State = "replaced"  // a correction: a newer one is sent in its place
)
