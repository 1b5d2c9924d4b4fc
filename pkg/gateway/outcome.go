package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"stanzahook/pkg/stanza"
)

// Result is what became of a stanza that was not confirmed, or of a request that was not
// answered.
type Result int

// The results. Failed is an error of ours.
const (
	Failed       Result = iota
	CameBack            // as an error, before it was confirmed
	Throttled           // too many between two of our own addresses
	NotConnected        // to the XMPP server
	Overloaded          // too many stanzas wait
	Rejected            // by the XMPP server
	Unconfirmed         // it may arrive or not
	NoRoom              // in the outbox
	Duplicate           // a request with the same id waits
	TooLong             // the answer of an archive
	TimedOut            // the answer of a request
)

// Outcome is a result for a caller of an HTTP API. Each API has a form of its own for it,
// and perhaps words of its own for What.
type Outcome struct {
	Result
	Status     int    // of HTTP
	RetryAfter int    // in seconds; 0: unknown
	What       string // what has happened
	Hint       string // what that means for the stanza, and what to do; may be empty
	// StanzaError is the error that came back, in the stanza Bounce; nil: none did.
	StanzaError *stanza.Error
	Bounce      *stanza.Stanza
}

// OutcomeOf returns the outcome of an error of sending or asking.
//
// An unconfirmed stanza is 503 and not 504: 504 says that the recipient of an IQ is
// silent; here the server is, and trying again later is right. The hint has the id, by
// which the recipient can tell a repetition from a second stanza.
func OutcomeOf(s *stanza.Stanza, err error) Outcome {
	if back, ok := errors.AsType[*Bounced](err); ok {
		e := back.StanzaError()
		what := fmt.Sprintf("%s answered with the error %s", back.Stanza.From, e.Condition)
		if e.Text != "" {
			what += ": " + e.Text
		}
		return Outcome{Result: CameBack, Status: http.StatusUnprocessableEntity, What: what, Hint: meaning(s, e), StanzaError: e, Bounce: back.Stanza}
	}
	if often, ok := errors.AsType[*TooOften](err); ok {
		return Outcome{Result: Throttled, Status: http.StatusTooManyRequests, What: often.Error(), Hint: "nothing was sent", RetryAfter: int((often.After + time.Second - 1) / time.Second)}
	}
	is := func(target error) bool { return errors.Is(err, target) }
	query, nothing := s.Kind == stanza.IQ, "nothing was sent"
	if query {
		nothing = "the query was not answered"
	}
	switch {
	// The least certain error counts: it may wrap why the stanza was not stored.
	case is(ErrUnconfirmed), is(context.DeadlineExceeded) && !query:
		return Outcome{Result: Unconfirmed, Status: http.StatusServiceUnavailable, RetryAfter: 5,
			What: "the XMPP server has not confirmed the stanza in time, and it could not be stored",
			Hint: fmt.Sprintf("it may or may not arrive, with the id %q; send it again with the same id", s.ID)}
	case is(ErrSilent):
		return Outcome{Result: Unconfirmed, Status: http.StatusServiceUnavailable, RetryAfter: 1,
			What: "the store does not answer", Hint: fmt.Sprintf("the stanza may be sent or not, with the id %q; send it again with the same id, or the same Idempotency-Key", s.ID)}
	case is(ErrFull):
		return Outcome{Result: NoRoom, Status: http.StatusInsufficientStorage, RetryAfter: 60,
			What: "the outbox is full", Hint: "nothing was sent; the connection to the XMPP server has been away for long, see /readyz"}
	case is(ErrRejected):
		return Outcome{Result: Rejected, Status: http.StatusUnprocessableEntity,
			What: "the XMPP server does not take this stanza", Hint: "most likely it is too large for the server; the log of stanzahook says more"}
	case is(ErrDown):
		return Outcome{Result: NotConnected, Status: http.StatusServiceUnavailable, RetryAfter: 5,
			What: ErrDown.Error(), Hint: nothing + "; try again later, /readyz says when"}
	case is(ErrBusy):
		return Outcome{Result: Overloaded, Status: http.StatusServiceUnavailable, RetryAfter: 1,
			What: ErrBusy.Error(), Hint: "nothing was sent; try again in a second"}
	case is(ErrSameID):
		return Outcome{Result: Duplicate, Status: http.StatusConflict,
			What: fmt.Sprintf("id: an iq with the id %q to the same address is waiting already", s.ID), Hint: "use another id, or leave it out"}
	case is(ErrTooMuch):
		return Outcome{Result: TooLong, Status: http.StatusUnprocessableEntity,
			What: "the archive has more than fits one answer", Hint: "ask for pages with max, before and after"}
	case is(context.DeadlineExceeded):
		return Outcome{Result: TimedOut, Status: http.StatusGatewayTimeout, What: fmt.Sprintf("%s has not answered in time", s.To)}
	}
	return Outcome{Result: Failed, Status: http.StatusInternalServerError}
}

// Text returns the outcome in one line.
func (o Outcome) Text() string {
	if o.Hint == "" {
		return o.What
	}
	return o.What + "; " + o.Hint
}
