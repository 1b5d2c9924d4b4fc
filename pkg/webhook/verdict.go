package webhook

import (
	"time"

	"stanzahook/pkg/stanza"
)

// Outcome is what becomes of an event after an attempt.
type Outcome uint8

// The outcomes.
const (
	Done    Outcome = iota // accepted by the endpoint
	Refused                // judged by the endpoint: error stanza to the sender
	Again                  // not judged: try again if the event is queued
)

// String is how an outcome is logged.
func (o Outcome) String() string {
	switch o {
	case Done:
		return "done"
	case Refused:
		return "refused"
	}
	return "again"
}

// Verdict is the result of one attempt.
type Verdict struct {
	Outcome Outcome
	Replies []*stanza.Stanza // of Done
	Err     *stanza.Error    // of Refused; of Again for events that are not queued
	After   time.Duration    // of Again: not before, as the endpoint asked
	Disable bool             // of Again: the endpoint asked to be left alone (410)
	Reason  string           // for the log
	Status  int              // of the answer; 0: there was none
	Fault   Fault            // unless Done

	Body        []byte // of the answer
	ContentType string // its Content-Type
	Note        Note   // what is to be told of it
	Unsent      bool   // no request was made: of Refused
}

// Answer is what an endpoint answered.
type Answer struct {
	Status     int
	MediaType  string // lower case, without parameters
	Type       string // the Content-Type as it was sent
	Body       []byte
	Unread     error // why there is no Body, though the endpoint sent one: it is too long, or cannot be decoded
	RetryAfter time.Duration

	note Note
	text []byte // the body, read; see content
	err  error
	read bool
}
