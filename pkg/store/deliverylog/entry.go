package deliverylog

import "time"

// State is how far a delivery is.
type State string

// The states.
const (
	Queued    State = "queued"    // waits; in the log: again, after a replay
	Retrying  State = "retrying"  // an attempt failed, another will be made
	Delivered State = "delivered" // accepted by the endpoint
	Dead      State = "dead"      // is a dead letter
	Dropped   State = "dropped"   // given up without a dead letter, or removed by an operator
)

// Bounds of what is kept of a text, in bytes.
const (
	MaxReason   = 1 << 10
	maxAnswer   = 4 << 10
	maxErrorLen = 512
	maxType     = 64
	maxNote     = 256
)

// MaxAttempts is how many attempts of a delivery are shown: the latest.
const MaxAttempts = 50

// Attempt is one try to deliver an event.
type Attempt struct {
	Time          time.Time
	Status        int           // of the answer; 0: there was none
	Duration      time.Duration // in whole microseconds
	Error, Answer string        // what was wrong; the first 4 KiB of the answer, of failures
	ContentType   string        // of the answer
	Note          string        // what its receiver should know of the answer, though it is no error
}

// Entry is what became known of a delivery at one moment. Times are kept in
// whole milliseconds.
type Entry struct {
	ID, Endpoint, Component, Type, From, To string
	Received                                time.Time
	State                                   State
	Reason                                  string
	Next                                    time.Time // attempt; zero: none is planned
	Attempt                                 *Attempt  // the one that was made; nil: none
	Stanza                                  string    // exact XML; in entries that end a delivery, so that it can be replayed
}

// Delivery is what the log knows of one event.
type Delivery struct {
	ID, Endpoint, Component, Type, From, To string
	Received                                time.Time
	State                                   State
	Reason                                  string
	Next                                    time.Time
	Attempts                                []Attempt // in order; the latest 50
	Stanza                                  string
}
