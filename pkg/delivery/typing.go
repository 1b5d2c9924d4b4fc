package delivery

import (
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// typing shows the sender of an event that the endpoint works on it, for one request. The
// nil typing shows nothing.
//
// It is in memory only. Killed while it is shown: the sender's program takes it back by
// itself when nothing follows; the event is delivered again, and shown again.
type typing struct {
	a  *attempter
	e  *webhook.Endpoint
	ev *webhook.Event

	mu    sync.Mutex // held while something is sent: nothing follows the end
	timer *time.Timer
	shown bool
	ended bool
}

// showTyping begins to wait for the answer to a request; of several events, the last one
// counts.
func (a *attempter) showTyping(e *webhook.Endpoint, events ...*webhook.Event) *typing {
	if e.Typing.After <= 0 {
		return nil
	}
	now := time.Now()
	for _, ev := range slices.Backward(events) {
		if e.ShowsTyping(ev, now) {
			t := &typing{a: a, e: e, ev: ev}
			t.mu.Lock()
			defer t.mu.Unlock()
			t.timer = time.AfterFunc(e.Typing.After, t.show)
			return t
		}
	}
	return nil
}

func (t *typing) show() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	if !t.shown {
		t.a.Counters.Typing.Add(1)
	}
	t.shown = true
	t.send(true)
	t.timer.Reset(webhook.TypingAgain)
}

// end ends it; verdicts are those on the events of the request. What the sender gets as an
// answer says that nobody types any more.
func (t *typing) end(verdicts ...webhook.Verdict) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	t.timer.Stop()
	if t.shown && !slices.ContainsFunc(verdicts, t.isAnswer) {
		t.send(false)
	}
}

func (t *typing) isAnswer(v webhook.Verdict) bool {
	return v.Outcome == webhook.Done && slices.ContainsFunc(v.Replies, func(s *stanza.Stanza) bool {
		_, says := s.Body()
		return says && s.Kind == stanza.Message && s.To.Bare() == t.ev.Stanza.From.Bare()
	})
}

// send sends a notification, once: a link that is full loses it.
func (t *typing) send(typing bool) {
	s, err := t.e.TypingFor(t.ev, typing, "typing-"+ulid.Make().String())
	if err == nil {
		err = t.a.sender.Send(t.ev.Component, s, false, func(error) {})
	}
	if err != nil {
		t.a.repeats.Warn(t.a.log, "typing not shown", about(t.ev, zap.Error(err))...)
	}
}
