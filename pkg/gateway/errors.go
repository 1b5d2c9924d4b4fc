package gateway

import (
	"errors"
	"time"

	"stanzahook/pkg/stanza"
)

// Why a stanza was not sent, or a request not answered. Senders return them wrapped.
var (
	// ErrDown means that there is no connection, or that a request lost its own.
	ErrDown = errors.New("there is no connection to the XMPP server")
	// ErrBusy means that too many stanzas wait; nothing was sent.
	ErrBusy = errors.New("too many stanzas wait for the XMPP server")
	// ErrRejected means that the server closed the stream over the stanza.
	ErrRejected = errors.New("the XMPP server closed the stream over this stanza")
	// ErrUnconfirmed means that the stanza may arrive or not.
	ErrUnconfirmed = errors.New("the XMPP server has not confirmed the stanza in time; it may arrive or not")
	// ErrFull means that there is no room to store the stanza, or another record.
	ErrFull = errors.New("the store is full")
	// ErrSilent means that a store on NATS did not answer in time: a record may be stored or
	// not.
	ErrSilent = errors.New("the store does not answer")
	// ErrExpired means that the stanza waited for too long, for the server or for a room.
	ErrExpired = errors.New("the stanza could not be sent in time")
	// ErrSameID means that the answers of two requests would look the same.
	ErrSameID = errors.New("a request with this id to the same address is waiting already; use another id")
	// ErrTooMuch means that an archive sent more than is kept for one query.
	ErrTooMuch = errors.New("the archive sends more results than are kept for one query; ask for pages")
)

// Why an operation on stored events, messages or rosters failed.
var (
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("this cannot be done now")
	ErrCursor   = errors.New("cursor: not one of this list; leave it out to begin")
	ErrStopping = errors.New("stanzahook is stopping")
	// ErrChanged means that the record was replaced meanwhile.
	ErrChanged = errors.New("the record has changed meanwhile")
)

// TooOften means that too many stanzas go from one of our own addresses to another;
// nothing was sent.
type TooOften struct{ After time.Duration }

func (e *TooOften) Error() string {
	return "too many stanzas between these two addresses, which are both ours; webhooks and callers that answer each other never stop"
}

// Bounced means that a stanza came back as an error before it was confirmed.
type Bounced struct{ Stanza *stanza.Stanza } // of type error

func (e *Bounced) Error() string { return "the stanza came back as an error" }

// StanzaError returns the error that came back.
func (e *Bounced) StanzaError() *stanza.Error {
	if se, _ := e.Stanza.StanzaError(); se != nil {
		return se
	}
	return &stanza.Error{Type: stanza.Cancel, Condition: stanza.UndefinedCondition}
}
