package delivery

import (
	"sync/atomic"

	"stanzahook/pkg/timing"
)

// Counters count the work of a worker since the start of the process.
type Counters struct {
	Received  atomic.Int64 // events that came for the endpoint, IQs too
	Attempts  atomic.Int64
	Failures  atomic.Int64 // of these: not Done
	Delivered atomic.Int64 // events, as the rest: accepted by the endpoint, or acknowledged by its reader
	Refused   atomic.Int64 // their senders got an error
	Expired   atomic.Int64 // too old
	Dead      atomic.Int64 // became dead letters
	Loops     atomic.Int64 // refused: webhooks answer each other
	Replies   atomic.Int64 // stanzas
	Replaced  atomic.Int64 // characters of answers that no stanza can carry
	Typing    atomic.Int64 // requests that were shown to a sender, who waited for the answer
	Overflow  atomic.Int64 // refused, or not stored: no room

	Results  Results
	Duration timing.Histogram // of the attempts
	Answered timing.Histogram // from receiving an event until the endpoint has accepted or refused it
}

// Results count attempts by result.
type Results struct {
	Success atomic.Int64 // the endpoint accepted the event
	Refused atomic.Int64 // it refused the event, or its answer could not be read
	Dead    atomic.Int64 // it refused the event, which became a dead letter
	Retry   atomic.Int64 // the attempt failed, and the event stays in the queue
	Failed  atomic.Int64 // the attempt failed, and there is no second one
}

// All returns the counts by name.
func (r *Results) All() map[string]int64 {
	return map[string]int64{
		"success": r.Success.Load(), "refused": r.Refused.Load(), "dead": r.Dead.Load(), "retry": r.Retry.Load(), "failed": r.Failed.Load(),
	}
}
