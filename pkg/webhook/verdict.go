package webhook

import (
	"time"

	"stanzahook/pkg/stanza"
)

// Outcome is the result of an attempt for its event.
type Outcome uint8

// The outcomes.
const (
	Done    Outcome = iota // the endpoint accepted the event
	Refused                // the endpoint refused it: error stanza to the sender
	Again                  // neither: retry if the event is queued
	Behind                 // of a batch only: the endpoint did not get to it, so it was not tried
)

// String returns the outcome for the log.
func (o Outcome) String() string {
	switch o {
	case Done:
		return "done"
	case Refused:
		return "refused"
	case Behind:
		return "behind"
	}
	return "again"
}

// Verdict is the result of one attempt.
type Verdict struct {
	Outcome Outcome
	Replies []*stanza.Stanza // of Done
	Err     *stanza.Error    // of Refused; of Again for events that are not queued
	After   time.Duration    // of Again: retry no earlier, as the endpoint asked
	Disable bool             // of Again: the endpoint asked to be disabled (410)
	Reason  string           // for the log
	Status  int              // of the answer; 0: there was none
	Fault   Fault            // unless Done

	Body        []byte // of the answer
	ContentType string // its Content-Type
	Note        Note   // for those who run the endpoint
	Unsent      bool   // no request was made: of Refused
}
