package component

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/stanza"
)

// Handler handles what the server sends. It runs on the reader's goroutine and must
// not wait. It reports whether it consumed the stanza; if not, the next handler gets it,
// and at the end the link answers service-unavailable where an answer is due.
type Handler interface {
	Handle(in *Incoming) bool
}

// HandlerFunc is a function as Handler.
type HandlerFunc func(in *Incoming) bool

// Handle calls f.
func (f HandlerFunc) Handle(in *Incoming) bool { return f(in) }

// Chain calls handlers in order until one consumes the stanza.
type Chain []Handler

// Handle implements Handler.
func (c Chain) Handle(in *Incoming) bool {
	for _, h := range c {
		if h.Handle(in) {
			return true
		}
	}
	return false
}

// HoldTimeout is when the link answers an IQ that a handler held and never answered.
const HoldTimeout = 6 * time.Minute

// Incoming is a stanza from the server, together with the right to answer it,
// once. The first of Result, Fail and Answer counts; later ones do nothing.
//
// Killed while a handler has it: an IQ's sender gets an error from the server when the
// connection breaks, or its own timeout; messages and presence of format event survive
// once they are stored.
type Incoming struct {
	*stanza.Stanza
	link  *Link
	done  atomic.Bool
	held  bool
	guard *time.Timer
}

// Link returns the link the stanza came over.
func (in *Incoming) Link() *Link { return in.link }

// Result answers an IQ with the XML of a payload, which may be empty.
func (in *Incoming) Result(payload string) {
	r, err := in.Stanza.Result(payload, in.link.o.Limits)
	if err != nil {
		in.link.repeats.Error(in.link.log, "answer not sent", zap.String("reason", "it cannot be built"), zap.String("stanza_id", in.ID), zap.Error(err))
		in.Fail(&stanza.Error{Type: stanza.Wait, Condition: stanza.InternalServerError})
		return
	}
	in.Answer(r)
}

// Fail answers with a stanza error, if the stanza may be answered with one.
func (in *Incoming) Fail(e *stanza.Error) {
	if !in.MayBounce() {
		in.done.Store(true)
		return
	}
	r, err := in.ErrorReply(e, in.link.o.Limits)
	if err != nil {
		in.link.repeats.Error(in.link.log, "answer not sent", zap.String("reason", "it cannot be built"), zap.String("stanza_id", in.ID), zap.Error(err))
		return
	}
	in.Answer(r)
}

// Answer sends a finished answer.
func (in *Incoming) Answer(s *stanza.Stanza) {
	if in.done.Swap(true) {
		return
	}
	if in.guard != nil {
		in.guard.Stop()
	}
	in.link.answer(s)
}

// Answered reports whether the answer was given.
func (in *Incoming) Answered() bool { return in.done.Load() }

// Hold says that the handler will answer later. If it has not after HoldTimeout, the
// link answers remote-server-timeout.
func (in *Incoming) Hold() {
	in.held = true
	if in.NeedsAnswer() {
		in.guard = time.AfterFunc(HoldTimeout, func() {
			in.Fail(&stanza.Error{Type: stanza.Wait, Condition: stanza.RemoteServerTimeout})
		})
	}
}
