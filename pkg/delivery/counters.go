package delivery

import (
	"sync/atomic"
	"time"

	"stanzahook/pkg/timing"
	"stanzahook/pkg/webhook"
)

// Counters count what a worker did since the start of the process.
type Counters struct {
	Attempts  atomic.Int64
	Failures  atomic.Int64 // of these: not Done
	Delivered atomic.Int64 // events, as the rest: accepted by the endpoint, or acknowledged by its reader
	Refused   atomic.Int64 // their senders got an error
	Expired   atomic.Int64 // too old
	Dead      atomic.Int64 // became dead letters
	Loops     atomic.Int64 // refused: webhooks answer each other
	Replies   atomic.Int64 // stanzas
	Replaced  atomic.Int64 // characters of answers that no stanza can carry
	Overflow  atomic.Int64 // not taken, or not stored: too much waits

	Results  Results
	Duration timing.Histogram // of the attempts
}

// Results count attempts by what came of them.
type Results struct {
	Success atomic.Int64 // the endpoint accepted the event
	Refused atomic.Int64 // it refused the event, or its answer makes no sense
	Dead    atomic.Int64 // it refused the event, which became a dead letter
	Retry   atomic.Int64 // it did not take the event, which stays in the queue
	Failed  atomic.Int64 // it did not take the event, for which there is no second attempt
}

// All returns the counts by name.
func (r *Results) All() map[string]int64 {
	return map[string]int64{
		"success": r.Success.Load(), "refused": r.Refused.Load(), "dead": r.Dead.Load(), "retry": r.Retry.Load(), "failed": r.Failed.Load(),
	}
}

// count counts an attempt.
func (w *Worker) count(ev *webhook.Event, v *webhook.Verdict, took time.Duration) {
	w.Counters.Attempts.Add(1)
	w.Counters.Duration.Observe(took)
	if v.Note.Replaced > 0 {
		w.Counters.Replaced.Add(int64(v.Note.Replaced))
	}
	r := &w.Counters.Results
	if v.Outcome == webhook.Done {
		r.Success.Add(1)
		return
	}
	w.Counters.Failures.Add(1)
	stays := w.queue != nil && !ev.Stanza.NeedsAnswer()
	switch {
	case v.Outcome == webhook.Again && stays:
		r.Retry.Add(1)
	case v.Outcome == webhook.Again:
		r.Failed.Add(1)
	case w.dead(v) && stays:
		r.Dead.Add(1)
	default:
		r.Refused.Add(1)
	}
}
