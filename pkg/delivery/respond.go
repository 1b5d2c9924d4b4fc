package delivery

import (
	"context"
	"errors"
	"strconv"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// busyDelay is how long a reply waits when the link is full.
const busyDelay = 500 * time.Millisecond

// Sender sends stanzas over the link of a component. more says that others will
// follow soon, for which this one may wait a moment. Send calls done once: with nil
// when the server has accepted the stanza, or with [gateway.ErrRejected]. When Send
// returns an error, it does not call done: after [gateway.ErrBusy] the stanza may be sent
// later, after any other error never.
type Sender interface {
	Send(component string, s *stanza.Stanza, more bool, done func(error)) error
}

// responder sends receipts, replies and errors for the events of a target.
type responder struct {
	*target
	sender Sender
}

// respond finishes an event with a verdict: it sends the receipt, the replies or
// the error, and calls onConfirmed when the server has confirmed the last of them
// (at once if there is none). more says that the next event of the conversation is
// there already.
//
// Killed before onConfirmed: a queued event is delivered again, and the stanzas are sent
// again with the same ids.
func (r *responder) respond(ev *webhook.Event, v webhook.Verdict, more bool, onConfirmed func()) {
	var out []*stanza.Stanza
	r.noteVerdict(ev, &v)
	shown := ""
	switch {
	case v.Outcome != webhook.Done:
		shown = r.Endpoint().Acknowledge.Failed
		r.Counters.Refused.Add(1)
		out = list(r.errorTo(ev, v.Err))
	case r.Endpoint().Copy:
		r.Counters.Delivered.Add(1)
	default:
		r.Counters.Delivered.Add(1)
		r.Counters.Replies.Add(int64(len(v.Replies)))
		out = v.Replies
		if receipt := webhook.Receipt(ev); receipt != nil {
			out = append([]*stanza.Stanza{receipt}, out...)
		}
		if shown = r.Endpoint().Acknowledge.Done; shown != "" && webhook.Reacts(out) { // one of ours would replace it
			shown = ""
		}
		out = r.countHops(ev, out)
	}
	r.send(ev, out, more, onConfirmed)
	r.acknowledge(r.sender, ev, shown)
}

// countHops returns the stanzas that follow from an event, with the count of hops in
// those for an address of our components.
func (r *responder) countHops(ev *webhook.Event, out []*stanza.Stanza) []*stanza.Stanza {
	kept := out[:0]
	for _, s := range out {
		s, err := r.Endpoint().Counted(ev, s)
		if err != nil {
			r.repeats.Error(r.log, "reply not sent: hops cannot be counted", about(ev, zap.Error(err))...)
			continue
		}
		kept = append(kept, s)
	}
	return kept
}

// errorTo returns the error stanza for the sender of an event; nil if there must be none.
func (r *responder) errorTo(ev *webhook.Event, e *stanza.Error) *stanza.Stanza {
	if e == nil || !ev.Stanza.MayBounce() || r.Endpoint().Copy {
		return nil
	}
	s, err := ev.Stanza.ErrorReply(e, stanza.Limits{})
	if err != nil {
		r.repeats.Error(r.log, "error stanza not built", about(ev, zap.Error(err))...)
		return nil
	}
	return s
}

// list returns the stanzas to send: one, or none.
func list(s *stanza.Stanza) []*stanza.Stanza {
	if s == nil {
		return nil
	}
	return []*stanza.Stanza{s}
}

// sendError sends an error stanza, if there is one, and does not wait.
func (r *responder) sendError(ev *webhook.Event, s *stanza.Stanza) {
	if s == nil {
		return
	}
	if err := r.sender.Send(ev.Component, s, false, func(error) {}); err != nil {
		r.repeats.Warn(r.log, "error stanza not sent", about(ev, zap.Error(err))...)
	}
}

// send hands stanzas to the link in order. The link keeps them over reconnects. While the
// link is full, send waits, and the conversation with it.
func (r *responder) send(ev *webhook.Event, out []*stanza.Stanza, more bool, onConfirmed func()) {
	for i, s := range out {
		last := i == len(out)-1
		done := func(err error) {
			switch {
			case errors.Is(err, gateway.ErrRejected):
				r.onRejected(ev, s, last, onConfirmed)
			case err == nil:
				if r.tracing() {
					r.trace("reply confirmed", ev, zap.String("reply_id", s.ID), zap.String("reply_type", s.Type))
				}
				if last {
					onConfirmed()
				}
			}
		}
		for {
			err := r.sender.Send(ev.Component, s, more, done)
			if err == nil {
				break
			}
			if !errors.Is(err, gateway.ErrBusy) {
				r.repeats.Error(r.log, "reply not sent", about(ev, zap.Error(err))...)
				done(nil) // permanent error: drop the reply and finish the event
				break
			}
			r.repeats.Warn(r.log, "reply waits: the link is full", about(ev, zap.Error(err))...)
			select {
			case <-time.After(busyDelay):
			case <-r.stopping.Done():
				endSpan(ev, endStored, "")
				return
			}
		}
	}
	if len(out) == 0 {
		onConfirmed()
	}
}

// onRejected sends an error to the sender of an event whose reply the server rejected. It
// does not wait.
func (r *responder) onRejected(ev *webhook.Event, reply *stanza.Stanza, last bool, onConfirmed func()) {
	r.repeats.Error(r.log, "reply rejected by the XMPP server", about(ev, zap.Int("bytes", len(reply.XML())))...)
	done := func(error) {
		if last {
			onConfirmed()
		}
	}
	e := r.errorTo(ev, &stanza.Error{Type: stanza.Wait, Condition: stanza.InternalServerError, Text: "the answer of the service could not be sent"})
	if e == nil || reply.Type == "error" || r.sender.Send(ev.Component, e, false, done) != nil {
		done(nil)
	}
}

// overloaded is the error when there is no room for an event (RFC 6120 section 8.3.3.18).
var overloaded = &stanza.Error{Type: stanza.Wait, Condition: stanza.ResourceConstraint, Text: "the service has too much waiting; try again later"}

// onUnstored counts an event that the store refused, and tells its sender if asked to.
func (r *responder) onUnstored(ev *webhook.Event, err error, tell bool) {
	r.Counters.Overflow.Add(1)
	if !tell {
		return
	}
	e := overloaded
	if !errors.Is(err, gateway.ErrFull) {
		r.repeats.Error(r.log, "event not stored", about(ev, zap.Error(err))...)
		e = &stanza.Error{Type: stanza.Wait, Condition: stanza.InternalServerError, Text: "the service could not store the message; try again later"}
	}
	r.sendError(ev, r.errorTo(ev, e))
}

// tooLate is the error for the sender of an event that expired.
func tooLate() *stanza.Error {
	return &stanza.Error{Type: stanza.Wait, Condition: stanza.RecipientUnavailable, Text: "the service did not take the message in time"}
}

// giveUp makes a dead letter of an event that its endpoint neither accepted nor refused,
// and returns the error stanza for the sender; nil if there must be none.
//
// Killed before the dead letter is on disk: the event is in its queue still, and is
// delivered or given up again. Killed after: the same, and the dead letter is
// overwritten; the sender may get two errors, in stanzas with the same id.
func (r *responder) giveUp(ctx context.Context, ev *webhook.Event, since time.Time, reason string, attempts []deliverylog.Attempt, e *stanza.Error) (*stanza.Stanza, error) {
	if err := r.putDeadLetter(ctx, ev, since, reason, attempts); err != nil {
		return nil, err
	}
	r.repeats.Warn(r.log, "event given up", about(ev, zap.String("reason", reason))...)
	r.acknowledge(r.sender, ev, r.Endpoint().Acknowledge.Failed)
	if r.Endpoint().DropOld {
		return nil, nil
	}
	return r.errorTo(ev, e), nil
}

// giveUpExpired gives up an event that is too old, see giveUp.
func (r *responder) giveUpExpired(ctx context.Context, ev *webhook.Event, since time.Time, reason string, attempts []deliverylog.Attempt) (*stanza.Stanza, error) {
	bounce, err := r.giveUp(ctx, ev, since, reason, attempts, tooLate())
	if err == nil {
		r.Counters.Expired.Add(1)
	}
	return bounce, err
}

// loopReason is the reason in the dead letter of a loop.
const loopReason = "loop"

// endLoop makes a dead letter of an event at the end of a loop, and refuses it.
//
// Killed before the dead letter is on disk: the event is lost, as if it had still
// been in the socket.
func (r *responder) endLoop(ev *webhook.Event, more bool) {
	r.Counters.Loops.Add(1)
	r.repeats.Error(r.log, "loop ended: webhooks answer each other", about(ev, zap.Int("hops", webhook.MaxHops))...)
	if r.store != nil {
		if err := r.putDeadLetter(r.run, ev, ev.Received, loopReason, nil); err != nil {
			r.repeats.Error(r.log, "dead letter not stored", about(ev, zap.Error(err))...)
		}
		r.record(ev, deliverylog.Dead, loopReason)
	}
	refusal := &stanza.Error{Type: stanza.Cancel, Condition: stanza.PolicyViolation, Text: "the answers of services have gone to and fro " + strconv.Itoa(webhook.MaxHops) + " times"}
	r.respond(ev, webhook.Verdict{Outcome: webhook.Refused, Err: refusal, Reason: loopReason}, more, spanEnd(ev))
}
