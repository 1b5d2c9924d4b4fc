package rooms

import (
	"encoding/json"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/component/forward"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

const (
	// maxWaiting bounds the events of all rooms that wait for room in a queue, in bytes.
	maxWaiting = 16 << 20
	offerPause = time.Second // between two offers of a refused event, at first; each time twice as long
	offerLong  = 15 * time.Second
)

// offer is an event of a room for the endpoints, in its order.
type offer struct {
	forward.OfRoom
	stanza *stanza.Stanza // of its event
	n      uint64
	keyed  bool // the mark waits for it
	since  time.Time
}

func (o *offer) size() int { return len(o.stanza.XML()) + 256 }

// waiting are the events of a room that the queue of their endpoint has refused, and those
// behind them; and those that wait for the first mark.
//
// They are in memory only. Killed: the mark in the store is before them, and the messages
// are delivered as missed. Without a first mark, the next process joins the room as a new one.
type waiting struct {
	mu    sync.Mutex // not held while an event is delivered
	list  []offer
	bytes int
	next  time.Time // when the first is offered again
	pause time.Duration
}

func (w *waiting) any() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.list) > 0
}

// due returns when the first is offered again; zero: there is none.
func (w *waiting) due() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.list) == 0 {
		return time.Time{}
	}
	return w.next
}

// waits bounds what all rooms hold together: one room has at most as much as is left free.
type waits struct {
	mu          sync.Mutex
	max         int
	bytes, held int
}

func (s *waits) take(held, size int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if held+size > s.max-s.bytes-size {
		return false
	}
	s.bytes, s.held = s.bytes+size, s.held+1
	return true
}

func (s *waits) give(size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes, s.held = s.bytes-size, s.held-1
}

// Waiting returns how many events of rooms wait for room in the queues of their endpoints,
// and their bytes.
func (r *Rooms) Waiting() (events, bytes int) {
	r.waits.mu.Lock()
	defer r.waits.mu.Unlock()
	return r.waits.held, r.waits.bytes
}

// offered is an offer with its event, and what is known of the room.
type offered struct {
	offer
	event webhook.Event
	room  webhook.Room
}

// hand gives an event to the endpoints, behind those that wait. s.mu is held.
func (s *session) hand(o *offer) {
	o.n = s.offered
	s.offered++
	if s.lost.Load() {
		s.all.Counters.Dropped.Add(1)
		return
	}
	if o.keyed {
		s.issued++
	}
	if s.held || s.waiting.any() {
		s.keep(*o)
		return
	}
	s.offer(o)
}

func (s *session) offer(o *offer) {
	o.OnStored = func(err error) { s.onStored(o, err) }
	s.all.o.Deliver(o.OfRoom)
}

// onStored is called when an event is stored or refused. s.mu may be held or not.
func (s *session) onStored(o *offer, err error) {
	if err != nil {
		s.all.Counters.Deferred.Add(1)
		s.all.repeats.Warn(s.all.log, "event of a room waits", zap.Stringer("room", s.key.room), zap.Error(err))
		again := *o
		again.Again, again.Event = true, anew(o.Event, o.stanza)
		s.keep(again)
	} else {
		s.settled(o.keyed)
	}
	s.noteProgress()
}

// anew returns an event as it was before an endpoint had it.
func anew(ev *webhook.Event, s *stanza.Stanza) *webhook.Event {
	again := *ev
	again.Stanza, again.Span = s, nil
	return &again
}

// noteProgress tells Stop, if it waits.
func (s *session) noteProgress() {
	if p := s.progress.Load(); p != nil {
		select {
		case *p <- struct{}{}:
		default:
		}
	}
}

// settled notes that nothing more will come of an event.
func (s *session) settled(keyed bool) {
	if keyed {
		s.done.Add(1)
	}
}

// keep keeps an event until it is offered again. Without room for it, this and all that
// follow are dropped, and the room is asked for them once its other events are through.
func (s *session) keep(o offer) {
	w := &s.waiting
	size := o.size()
	w.mu.Lock()
	kept := (o.Again || !s.lost.Load()) && s.all.waits.take(w.bytes, size)
	if kept {
		if len(w.list) == 0 {
			w.pause = offerPause
			w.next = time.Now().Add(w.pause)
		}
		i, _ := slices.BinarySearchFunc(w.list, o.n, func(have offer, n uint64) int { return int(int64(have.n) - int64(n)) })
		w.list, w.bytes = slices.Insert(w.list, i, o), w.bytes+size
	}
	w.mu.Unlock()
	if !kept {
		s.all.Counters.Dropped.Add(1)
		if !s.lost.Swap(true) {
			s.all.log.Error("events of a room dropped: too many wait", zap.Stringer("room", s.key.room), zap.Stringer("bot", s.self.Bare()),
				zap.String("hint", "the queue of their endpoint is full; the room is asked for its messages again when there is room"))
		}
		s.settled(o.keyed) // lost is set first: the mark does not move
	}
	s.all.poke()
}

// offerAgain offers the events that wait, in their order, until one is refused once more.
// s.mu is held.
func (s *session) offerAgain(now time.Time) {
	if s.held {
		return
	}
	if at := s.waiting.due(); at.IsZero() || now.Before(at) {
		if at.IsZero() && s.lost.Load() && s.done.Load() == s.issued && now.Sub(s.asked) >= offerLong {
			s.asked = now
			s.askAnew(now)
		}
		return
	}
	w := &s.waiting
	for {
		w.mu.Lock()
		if len(w.list) == 0 {
			w.list = nil // its memory
			w.mu.Unlock()
			return
		}
		o := w.list[0]
		w.list = slices.Delete(w.list, 0, 1)
		w.bytes -= o.size()
		w.mu.Unlock()
		s.all.waits.give(o.size())
		if age := now.Sub(o.since); age > s.room.Options().MaxAge {
			s.all.Counters.Dropped.Add(1)
			s.all.log.Error("event of a room dropped: no queue had room for it", zap.Stringer("room", s.key.room), zap.String("event", o.ID), zap.Duration("age", age))
			s.settled(o.keyed)
			continue
		}
		s.offer(&o)
		w.mu.Lock()
		refused := len(w.list) > 0 && w.list[0].n <= o.n
		if refused {
			w.pause = min(2*max(w.pause, offerPause/2), offerLong)
			w.next = now.Add(w.pause)
		}
		w.mu.Unlock()
		if refused {
			return
		}
	}
}

// askAnew joins a room again, with the mark up to which its events are stored: the room sends
// what was dropped, and perhaps some messages a second time, with the same webhook-ids. Those
// in the room do not see it. s.mu is held.
func (s *session) askAnew(now time.Time) {
	state := s.room.Status().State
	var mark muc.Mark
	if state == muc.Refused || state == muc.Left || json.Unmarshal(s.mark, &mark) != nil {
		s.lost.Store(false)
		return
	}
	s.room.Disconnected(now) // what it still holds is dropped: it comes again
	room, err := muc.New(s.room.Options(), mark)
	if err != nil {
		return // it was checked
	}
	s.room, s.snapshot, s.dirty = room, nil, false
	s.lost.Store(false)
	if s.link != nil {
		s.room.SetMute(s.all.isMute(s.key))
		s.apply(now, s.room.Connected(now))
	}
	s.settle()
}

// forgetWaiting drops the events that wait: the room was left.
func (s *session) forgetWaiting() {
	s.waiting.mu.Lock()
	defer s.waiting.mu.Unlock()
	for _, o := range s.waiting.list {
		s.all.waits.give(o.size())
	}
	s.waiting.list, s.waiting.bytes = nil, 0
}
