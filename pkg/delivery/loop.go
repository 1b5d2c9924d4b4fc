package delivery

import (
	"strconv"

	"go.uber.org/zap"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// counted are the stanzas that follow from an event, with the count in those that go
// to an address of ours.
func (w *Worker) counted(ev *webhook.Event, out []*stanza.Stanza) []*stanza.Stanza {
	kept := out[:0]
	for _, s := range out {
		s, err := w.Endpoint().Counted(ev, s)
		if err != nil {
			w.repeats.Error(w.log, "reply not sent: it cannot be counted", about(ev, zap.Error(err))...)
			continue
		}
		kept = append(kept, s)
	}
	return kept
}

// loops reports whether an event is the end of a loop; then it is refused, and is a
// dead letter. ok is that of Enqueue and Deliver.
//
// Killed before the dead letter is on disk: the event is lost, as if it had still
// been in the socket.
func (w *Worker) loops(ev *webhook.Event) (looped, ok bool) {
	e := w.Endpoint()
	if !e.Looped(ev) {
		return false, false
	}
	return true, w.runner.add(conversationOf(ev), senderOf(e, ev.Stanza.From), maxDirect, func(more bool) {
		w.Counters.Loops.Add(1)
		w.repeats.Error(w.log, "message refused: the answers of webhooks go to and fro between our own addresses", about(ev, zap.Int("hops", webhook.MaxHops))...)
		if w.store != nil {
			if err := w.putDeadLetter(w.run, ev, ev.Received, loopReason, nil); err != nil {
				w.repeats.Error(w.log, "a dead letter cannot be stored", about(ev, zap.Error(err))...)
			}
			w.logDelivery(ev, deliverylog.Dead, loopReason, nil)
		}
		refusal := &stanza.Error{Type: stanza.Cancel, Condition: stanza.PolicyViolation, Text: "the answers of services have gone to and fro " + strconv.Itoa(webhook.MaxHops) + " times"}
		w.respond(ev, webhook.Verdict{Outcome: webhook.Refused, Err: refusal, Reason: loopReason}, more, func() {})
	})
}

// loopReason is the reason of the dead letter.
const loopReason = "loop"
