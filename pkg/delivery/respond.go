package delivery

import (
	"errors"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// respond ends an event that was judged: it sends the receipt, the replies or
// the error, and calls onConfirmed when the server has confirmed the last of them
// (at once if there is none). more says that the next event of the conversation is
// there already.
//
// Killed before onConfirmed: a queued event is delivered again, and what was sent
// is sent again with the same ids.
func (w *Worker) respond(ev *webhook.Event, v webhook.Verdict, more bool, onConfirmed func()) {
	var out []*stanza.Stanza
	switch v.Outcome {
	case webhook.Done:
		w.Counters.Delivered.Add(1)
		if w.Endpoint().Copy {
			break
		}
		out = v.Replies
		if r := webhook.Receipt(ev); r != nil {
			out = append([]*stanza.Stanza{r}, out...)
		}
		out = w.counted(ev, out)
		w.Counters.Replies.Add(int64(len(v.Replies)))
	default:
		w.Counters.Refused.Add(1)
		out = w.errorTo(ev, v.Err)
	}
	w.send(ev, out, more, onConfirmed)
}

// errorTo is the error stanza for the sender of an event, if there is to be one.
func (w *Worker) errorTo(ev *webhook.Event, e *stanza.Error) []*stanza.Stanza {
	if s := w.bounce(ev, e); s != nil && !w.Endpoint().Copy {
		return []*stanza.Stanza{s}
	}
	return nil
}

// bounceNow sends the error stanza for the sender of an event, if there is to be one. It
// does not wait.
func (w *Worker) bounceNow(ev *webhook.Event, e *stanza.Error) {
	for _, s := range w.errorTo(ev, e) {
		if err := w.sender.Send(ev.Component, s, false, func(error) {}); err != nil {
			w.repeats.Warn(w.log, "error stanza not sent", about(ev, zap.Error(err))...)
		}
	}
}

// bounce returns the error stanza for the sender, nil if there must be none.
func (w *Worker) bounce(ev *webhook.Event, e *stanza.Error) *stanza.Stanza {
	if !ev.Stanza.MayBounce() || e == nil {
		return nil
	}
	s, err := ev.Stanza.ErrorReply(e, stanza.Limits{})
	if err != nil {
		w.repeats.Error(w.log, "an error reply could not be built", about(ev, zap.Error(err))...)
		return nil
	}
	return s
}

// send hands stanzas to the link in order. The link keeps them over
// reconnects; it refuses only when too much waits there, and then the lane
// waits.
func (w *Worker) send(ev *webhook.Event, out []*stanza.Stanza, more bool, onConfirmed func()) {
	for i, s := range out {
		last := i == len(out)-1
		done := func(err error) {
			switch {
			case errors.Is(err, gateway.ErrRejected):
				w.rejected(ev, s, last, onConfirmed)
			case err == nil:
				if w.tracing() {
					w.trace("the server has a stanza for the sender", ev, zap.String("reply_id", s.ID), zap.String("reply_type", s.Type))
				}
				if last {
					onConfirmed()
				}
			}
		}
		for {
			err := w.sender.Send(ev.Component, s, more, done)
			if err == nil {
				break
			}
			if !errors.Is(err, gateway.ErrBusy) {
				w.repeats.Error(w.log, "a reply can not be sent", about(ev, zap.Error(err))...)
				done(nil) // permanent error: drop the reply and finish the event
				break
			}
			w.repeats.Warn(w.log, "a reply waits", about(ev, zap.Error(err))...)
			select {
			case <-time.After(busyDelay):
			case <-w.start.Done():
				return
			}
		}
	}
	if len(out) == 0 {
		onConfirmed()
	}
}

// rejected tells the sender of an event that the reply to it was one that the
// server does not take. It does not wait.
func (w *Worker) rejected(ev *webhook.Event, reply *stanza.Stanza, last bool, onConfirmed func()) {
	w.repeats.Error(w.log, "the XMPP server refused a reply of the endpoint; the sender gets an error", about(ev, zap.Int("bytes", len(reply.XML())))...)
	e := w.bounce(ev, &stanza.Error{Type: stanza.Wait, Condition: stanza.InternalServerError, Text: "the answer of the service could not be sent"})
	if e == nil || reply.Type == "error" || w.sender.Send(ev.Component, e, false, func(error) {
		if last {
			onConfirmed()
		}
	}) != nil {
		if last {
			onConfirmed()
		}
	}
}
