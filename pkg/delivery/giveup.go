package delivery

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// putDeadLetter makes a dead letter of an event, and returns when it is on disk. Only
// then the event may leave its queue, and its sender may get an error.
func (w *Worker) putDeadLetter(ctx context.Context, ev *webhook.Event, since time.Time, reason string, attempts []deliverylog.Attempt) error {
	s := ev.Stanza
	err := w.store.PutDeadLetter(ctx, &store.DeadLetter{
		Record: recordOf(ev, senderOf(w.Endpoint(), s.From), since), Endpoint: w.name, Type: s.EventType(), From: s.From.String(), To: s.To.String(),
		Reason: reason, Died: time.Now(), Attempts: attempts,
	})
	if err != nil {
		return err
	}
	w.Counters.Dead.Add(1)
	if w.tracing() {
		w.trace("an event is a dead letter", ev, zap.String("reason", reason))
	}
	return nil
}

// logGivenUp logs that an event is a dead letter which its endpoint did not refuse.
func (w *Worker) logGivenUp(ev *webhook.Event, reason string) {
	w.repeats.Warn(w.log, "an event is given up", about(ev, zap.String("reason", reason))...)
}

// tooLate is for the sender of an event that has waited too long.
func tooLate() *stanza.Error {
	return &stanza.Error{Type: stanza.Wait, Condition: stanza.RecipientUnavailable, Text: "the service did not take the message in time"}
}

// dead reports whether a verdict makes a dead letter of a queued event: no request
// can be made of it, or the endpoint has refused the message itself. In the formats
// of the modules such an answer is the bot's, and the sender gets it.
func (w *Worker) dead(v *webhook.Verdict) bool {
	return w.queue != nil && v.Outcome == webhook.Refused && (v.Unsent || w.Endpoint().Format == webhook.FormatEvent && v.Status >= 400)
}

// tooOld reports whether an event is to be given up.
func (q *queue) tooOld(it *item) bool { return time.Since(it.since) >= q.w.Endpoint().MaxAge }

// expire gives up an event that is too old.
func (q *queue) expire(l *lane, it *item) (ours bool) {
	q.w.Counters.Expired.Add(1)
	reason := fmt.Sprintf("the endpoint did not take it within %v", q.w.Endpoint().MaxAge)
	if n := len(l.history); n > 0 {
		reason += "; last: " + l.history[n-1].Error
	}
	return q.giveUp(l, it, reason, tooLate())
}

// giveUp makes a dead letter of the first event of a lane, and tells the sender.
//
// Killed before the dead letter is on disk: the event is delivered again, or
// given up again. Killed after: the same, and the dead letter is written over;
// the sender may get two errors, in stanzas with the same id.
func (q *queue) giveUp(l *lane, it *item, reason string, e *stanza.Error) (ours bool) {
	if !q.putDeadLetter(l, it, reason) {
		return false
	}
	q.w.logGivenUp(it.Event, reason)
	q.w.logDelivery(it.Event, deliverylog.Dead, reason, nil)
	if q.w.Endpoint().DropOld {
		e = nil
	}
	q.finish(l, it)
	q.w.send(it.Event, q.w.errorTo(it.Event, e), false, func() { q.onConfirmed(l, it) })
	return true
}

// putDeadLetter makes a dead letter of the first event of a lane. It reports false if
// that could not be done: then the lane waits.
func (q *queue) putDeadLetter(l *lane, it *item, reason string) bool {
	err := q.w.putDeadLetter(q.w.run, it.Event, it.since, reason, l.history)
	if err != nil {
		q.pause(l, "a dead letter cannot be stored; its event stays in the queue", err)
	}
	return err == nil
}
