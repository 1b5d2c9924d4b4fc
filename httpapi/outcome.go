package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"stanzahook/pkg/stanza"
)

// What keeps a stanza from being sent, or a query from being answered. All
// surfaces send through something that returns these, also wrapped.
var (
	ErrDown        = errors.New("no connection to the XMPP server")
	ErrBusy        = errors.New("too many stanzas wait for the XMPP server")
	ErrRejected    = errors.New("the XMPP server closed the stream over this stanza")
	ErrFull        = errors.New("the outbox is full")
	ErrUnconfirmed = errors.New("the XMPP server has not confirmed the stanza in time")
	ErrSameID      = errors.New("an IQ with this id to the same address is waiting already")
)

// TooOften means that a stanza from one of our own addresses to another is one too
// many; nothing was sent.
type TooOften struct{ After time.Duration }

func (e *TooOften) Error() string {
	return "too many stanzas between these two addresses, which are both ours; webhooks and callers that answer each other never stop"
}

// Seconds is After, rounded up.
func (e *TooOften) Seconds() int { return int((e.After + time.Second - 1) / time.Second) }

// Bounced means that a stanza came back while it was sent.
type Bounced struct{ Stanza *stanza.Stanza } // of type error

func (e *Bounced) Error() string { return "the stanza came back as an error" }

// StanzaError is a stanza error (RFC 6120 section 8.3) as answers have it.
type StanzaError struct {
	Type      stanza.ErrorType `json:"type"`
	Condition stanza.Condition `json:"condition"`
	Text      *string          `json:"text"`
	By        *string          `json:"by"`
}

// NewStanzaError returns nil for nil.
func NewStanzaError(e *stanza.Error) *StanzaError {
	if e == nil {
		return nil
	}
	v := &StanzaError{Type: e.Type, Condition: e.Condition}
	if e.Text != "" {
		v.Text = &e.Text
	}
	if e.By != "" {
		v.By = &e.By
	}
	return v
}

// Unsent is the answer to what kept a stanza from being sent, or answered; nil
// for an error that is none of those above. /v1 and /msg answer with it; /rest has
// the words of mod_rest, with the same status but for a bounce, which is 200 there.
//
// A stanza that was not confirmed is 503 and not 504: 504 says that the peer of an
// IQ is silent, while here the server is, and coming again later is right. The text
// gives the id, by which a repetition can be told from a second stanza.
func Unsent(s *stanza.Stanza, err error) *Fault {
	is := func(target error) bool { return errors.Is(err, target) }
	if back, ok := errors.AsType[*Bounced](err); ok {
		return bounced(back.Stanza)
	}
	if often, ok := errors.AsType[*TooOften](err); ok {
		return &Fault{Status: http.StatusTooManyRequests, Text: often.Error() + "; nothing was sent", RetryAfter: often.Seconds(), Members: map[string]any{"id": s.ID}}
	}
	query := s.Kind == stanza.IQ
	var f *Fault
	switch {
	case is(ErrDown) && query:
		f = &Fault{Status: http.StatusServiceUnavailable, Text: "there is no connection to the XMPP server; the query was not answered; try again later, /readyz says when", RetryAfter: 5}
	case is(ErrDown):
		f = &Fault{Status: http.StatusServiceUnavailable, Text: "there is no connection to the XMPP server; nothing was sent; try again later, /readyz says when", RetryAfter: 5}
	case is(ErrBusy):
		f = &Fault{Status: http.StatusServiceUnavailable, Text: "too many stanzas wait for the XMPP server; nothing was sent; try again in a second", RetryAfter: 1}
	case is(ErrRejected):
		f = &Fault{Status: http.StatusUnprocessableEntity, Text: "the XMPP server does not take this stanza; most likely it is too large for it, the log of stanzahook says more"}
	case is(ErrSameID):
		f = &Fault{Status: http.StatusConflict, Text: "id: an iq with this id to the same address is waiting already; write another, or leave it out"}
	case is(ErrFull):
		f = &Fault{Status: http.StatusInsufficientStorage, Text: "the outbox is full; nothing was sent; the connection to the XMPP server has been away for long, see /readyz", RetryAfter: 60}
	case is(context.DeadlineExceeded) && query:
		f = &Fault{Status: http.StatusGatewayTimeout, Text: fmt.Sprintf("%s has not answered in time", s.To)}
	case is(ErrUnconfirmed), is(context.DeadlineExceeded):
		f = &Fault{Status: http.StatusServiceUnavailable, Text: fmt.Sprintf("the XMPP server has not confirmed the stanza in time, and it could not be stored: it may or may not arrive, with the id %q; send it again with the same id", s.ID), RetryAfter: 5}
	default:
		return nil
	}
	f.Members = map[string]any{"id": s.ID}
	return f
}

// bounced is the answer to a stanza that came back.
func bounced(s *stanza.Stanza) *Fault {
	e, _ := s.StanzaError()
	if e == nil {
		e = &stanza.Error{Type: stanza.Cancel, Condition: stanza.UndefinedCondition}
	}
	text := fmt.Sprintf("%s answered with the error %s", s.From, e.Condition)
	if e.Text != "" {
		text += ": " + e.Text
	}
	return &Fault{Status: http.StatusUnprocessableEntity, Text: text, Members: map[string]any{
		"id": s.ID, "condition": e.Condition, "stanza_error": NewStanzaError(e),
	}}
}
