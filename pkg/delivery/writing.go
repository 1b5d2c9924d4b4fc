package delivery

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/hashicorp/golang-lru/v2"
	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"

	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

const (
	// The first message of an answer that is written bit by bit goes out after firstEdit, or when
	// it has firstText characters; corrections of it at most every nextEdit, and maxEdits in all,
	// before the last one.
	firstEdit = time.Second
	firstText = 200
	nextEdit  = 2 * time.Second
	maxEdits  = 30
	// maxWritten bounds the events whose answer broke off after its first message, and that
	// are tried again: a correction goes on where it stopped. The oldest are forgotten, and
	// their next answer is a message of its own, with the same id.
	maxWritten = 1000
	// keptWritten bounds what is kept of the first message: not one with a long thread.
	keptWritten = 2048
)

// writing shows the sender of an event an answer while it is written (webhook.StreamFinal,
// webhook.StreamEdits).
//
// It is in memory only. Killed meanwhile: the event is delivered again, and its answer is
// written again, from its first message on, which has the same id.
type writing struct {
	a  *attempter
	ev *webhook.Event

	typing *typing // nil: it is not shown

	mu    sync.Mutex
	text  []byte // so far
	timer *time.Timer
	last  time.Time // when something was sent, or could not be
	sent  string    // what the recipient has read last
	ended bool
	written
}

// written is the message that an answer has become.
type written struct {
	e     *webhook.Endpoint
	first *stanza.Stanza // that was sent, without its text; nil: none yet
	edits int
}

// writings are those in progress, and those that broke off.
type writings struct {
	count  atomic.Int64 // of both, so that an attempt without them costs nothing
	mu     sync.Mutex
	now    map[string]*writing // by event
	broken *lru.Cache[string, written]
}

func newWritings() *writings {
	broken, err := lru.New[string, written](maxWritten)
	if err != nil {
		panic(err) // of a size that is none
	}
	return &writings{now: make(map[string]*writing), broken: broken}
}

// counted counts after a change; it has ws.mu.
func (ws *writings) counted() { ws.count.Store(int64(len(ws.now) + ws.broken.Len())) }

// showWriting lets answers be shown while they are written, before the first request of a setup.
func (a *attempter) showWriting(s *setup) {
	if s.client != nil {
		s.client.OnStream = a.onStream
	}
}

// onStream begins to show the answer to an event, and returns what gets its text.
func (a *attempter) onStream(ev *webhook.Event) webhook.Progress {
	w := &writing{a: a, ev: ev, written: written{e: a.Endpoint()}}
	a.writings.mu.Lock()
	if before, ok := a.writings.broken.Get(ev.ID); ok {
		w.first, w.edits, w.last = before.first, before.edits, time.Now()
		a.writings.broken.Remove(ev.ID)
	}
	a.writings.now[ev.ID] = w
	a.writings.counted()
	a.writings.mu.Unlock()
	if w.e.WritesTo(ev, time.Now()) {
		w.typing = &typing{a: a, e: w.e, ev: ev}
		w.typing.mu.Lock()
		w.typing.timer = time.AfterFunc(0, w.typing.show)
		w.typing.mu.Unlock()
	}
	if w.e.Stream != webhook.StreamEdits || w.typing == nil {
		return nil
	}
	return w.progress
}

// endWriting ends what onStream has begun for an event, if it did. The reply of the verdict
// becomes the last correction of what was sent.
func (a *attempter) endWriting(ev *webhook.Event, v *webhook.Verdict) {
	if a.writings.count.Load() == 0 {
		return
	}
	a.writings.mu.Lock()
	w := a.writings.now[ev.ID]
	delete(a.writings.now, ev.ID)
	if w == nil && v.Outcome == webhook.Done { // this answer comes at once, and one before it broke off
		if before, ok := a.writings.broken.Get(ev.ID); ok {
			a.writings.broken.Remove(ev.ID)
			w = &writing{a: a, ev: ev, written: before}
		}
	}
	a.writings.counted()
	a.writings.mu.Unlock()
	if w == nil {
		return
	}
	w.end(v)
	w.typing.end(*v)
	if w.first != nil && v.Outcome == webhook.Again && len(w.first.XML()) <= keptWritten {
		a.writings.mu.Lock()
		a.writings.broken.Add(ev.ID, w.written)
		a.writings.counted()
		a.writings.mu.Unlock()
	}
}

// progress shows more of the text when it is time to.
func (w *writing) progress(text []byte, same int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text[:same], text[same:]...)
	now := time.Now()
	switch {
	case w.ended || w.edits >= maxEdits:
	case w.first == nil && w.last.IsZero() && isLong(w.text):
		w.show(now)
	case w.timer != nil:
	case w.first == nil && w.last.IsZero():
		w.timer = time.AfterFunc(firstEdit, w.onTime)
	default:
		w.timer = time.AfterFunc(max(0, nextEdit-now.Sub(w.last)), w.onTime)
	}
}

// isLong reports whether a text has firstText characters.
func isLong(text []byte) bool {
	return len(text) >= firstText && utf8.RuneCount(text[:min(len(text), utf8.UTFMax*firstText)]) >= firstText
}

func (w *writing) onTime() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = nil
	if !w.ended {
		w.show(time.Now())
	}
}

// show sends the text so far: as a message, or as a correction of that. A link that is full
// loses a correction. It has w.mu.
func (w *writing) show(now time.Time) {
	text := string(w.text)
	if text == "" || text == w.sent {
		return
	}
	w.last = now
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
	s, err := w.message(text, fmt.Sprint(w.ev.ID, "-edit-", ulid.Make()))
	if err == nil {
		err = w.a.sender.Send(w.ev.Component, s, false, func(error) {})
	}
	if err != nil {
		w.a.repeats.Warn(w.a.log, "part of an answer not shown", about(w.ev, zap.Error(err))...)
		return
	}
	if w.first == nil {
		w.first = withoutText(s)
	} else {
		w.edits++
	}
	w.sent = text
}

// withoutText returns what corrections of a message need of it.
func withoutText(s *stanza.Stanza) *stanza.Stanza {
	inner := ""
	if id := message.Sent(s, false).OriginID; id != "" {
		inner = message.Origin(id, "")
	}
	if c, ok := s.Child("", "thread"); ok {
		inner += stanza.TextElement("thread", s.ChildText(c))
	}
	if less, err := stanza.Build(s.Header, inner, stanza.Limits{}); err == nil {
		return less
	}
	return s // it was built before
}

// message returns the text so far as the first message, or as a correction of it.
func (w *writing) message(text, id string) (*stanza.Stanza, error) {
	if w.first == nil {
		return w.e.Written(w.ev, text)
	}
	return w.e.Rewritten(w.ev, w.first, text, id)
}

// end makes the reply the last correction of what was sent. It goes out as replies do: it is
// confirmed before the event is finished.
func (w *writing) end(v *webhook.Verdict) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	if w.timer != nil {
		w.timer.Stop()
	}
	if w.first == nil || v.Outcome != webhook.Done {
		return
	}
	for i, reply := range v.Replies {
		text, says := reply.Body()
		if !says || reply.Kind != stanza.Message || reply.To.Bare() != w.first.To.Bare() {
			continue
		}
		last, err := w.e.Rewritten(w.ev, w.first, text, w.ev.ID+"-end")
		if err != nil {
			w.a.repeats.Error(w.a.log, "last part of an answer not sent as a correction", about(w.ev, zap.Error(err))...)
			return
		}
		v.Replies[i] = last
		return
	}
}
