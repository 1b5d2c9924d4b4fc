package tail

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"stanzahook/pkg/gateway"
)

const (
	// tick is how often a reader is woken at most, unless early events wait for it:
	// more could be lost. All wake at the same time, and share the encoded events.
	tick  = 100 * time.Millisecond
	early = Kept / 2
	// perSecond bounds the events that all readers together get, in the long run: full
	// load makes more than anybody reads. Each may get burst of them at once.
	perSecond = 4000
	burst     = 5 * Kept
	// maxPage bounds the bytes of one page, give or take an event.
	maxPage = 256 << 10
)

// Reader gets the events from where it began. Next and Close are for one goroutine.
type Reader struct {
	t       *Tail
	filter  Filter
	limited bool
	caller  string
	woken   chan struct{}

	// guarded by Tail.mu
	next uint64 // the id of the event to look at
	want uint64 // the head that it waits for; never: none
	lost uint64 // that were not shown
	gap  bool   // lost is to be told, also if it is 0

	tokens  float64   // how many events it may get
	counted time.Time // tokens, at this time
	pause   time.Time // until then, it waits for more
	matched []uint64
	buf     []byte
}

// Opening says how to read.
type Opening struct {
	Filter  Filter
	Last    string // the id of the last event that the caller has seen; empty: only new ones
	Caller  string // whose share the reader takes; empty: nobody's
	Admin   bool   // it may have one of the places for admins
	Limited bool   // it gets no reasons that quote an endpoint
}

// Open begins to read. The id of an event that is not in the ring any more, or was of an
// earlier process, means from the oldest one there is, after a gap.
//
// Errors: ErrFull, ErrShare, gateway.ErrStopping, and one that begins with Last-Event-ID.
func (t *Tail) Open(o Opening) (*Reader, error) {
	last := uint64(never)
	if o.Last != "" {
		var err error
		if last, err = strconv.ParseUint(o.Last, 10, 64); err != nil || last == never {
			return nil, fmt.Errorf("Last-Event-ID: %.40q is not the id of an event; leave it out to get only what is new", o.Last)
		}
	}
	r := &Reader{t: t, filter: o.Filter, limited: o.Limited, caller: o.Caller, woken: make(chan struct{}, 1), want: never, tokens: burst, counted: time.Now()}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, gateway.ErrStopping
	}
	if err := t.places.take(o.Caller, o.Admin); err != nil {
		return nil, err
	}
	switch {
	case last == never:
		r.next = t.head + 1
	case last < t.first-1 || last > t.head: // of an earlier process; the clock may have been set back
		r.next, r.gap = t.first, true
	default:
		r.next = last + 1
	}
	if gone := t.head + 1 - remembered; t.head >= t.first-1+remembered && r.next < gone { // nothing is known of these
		r.lost, r.next = gone-r.next, gone
	}
	t.readers = append(t.readers, r)
	t.findBehind()
	return r, nil
}

// Close ends the reader.
func (r *Reader) Close() {
	t := r.t
	t.encoding.Lock()
	defer t.encoding.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.readers = slices.DeleteFunc(t.readers, func(other *Reader) bool { return other == r })
	t.places.leave(r.caller)
	t.findBehind()
	if len(t.readers) == 0 {
		t.frames = nil
	}
}

// rouse ends the wait of a reader; t.mu is held.
func (r *Reader) rouse() {
	r.want = never
	select {
	case r.woken <- struct{}{}:
	default:
	}
}

// Next returns the next events as the frames of an event stream; nothing if none came
// within wait, or if ctx ended. They are valid until the next call. An event gap says how
// many were lost before those that follow.
//
// Errors: gateway.ErrStopping.
func (r *Reader) Next(ctx context.Context, wait time.Duration) ([]byte, error) {
	until := time.Now().Add(wait)
	for {
		if there, err := r.await(ctx, until, 0); !there || err != nil {
			return nil, err
		}
		more := uint64(never)
		if r.tokens >= early {
			more = early
		}
		if _, err := r.await(ctx, r.pause, more); err != nil {
			return nil, err
		}
		if page := r.page(); len(page) > 0 {
			return page, nil
		}
		if ctx.Err() != nil {
			return nil, nil
		}
	}
}

// await waits until there are more than n new events, or a gap, and reports whether there
// are. n never waits for the time.
func (r *Reader) await(ctx context.Context, until time.Time, n uint64) (bool, error) {
	var timer *time.Timer
	for {
		there, err := r.look(n)
		left := time.Until(until)
		if there || err != nil || left <= 0 || ctx.Err() != nil {
			return there, err
		}
		if timer == nil {
			timer = time.NewTimer(left)
			defer timer.Stop()
		}
		select {
		case <-r.woken:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
}

// look reports whether there are more than n new events, and asks to be woken if not.
func (r *Reader) look(n uint64) (bool, error) {
	t := r.t
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return false, gateway.ErrStopping
	case n == never:
		return false, nil
	case t.head >= r.next+n || n == 0 && r.gap:
		return true, nil
	}
	r.want = r.next + n
	t.wakeAt = min(t.wakeAt, r.want)
	return false, nil
}

// page returns the frames of what is there now, and what was lost.
func (r *Reader) page() []byte {
	missed := r.find()
	r.buf = r.buf[:0]
	if cap(r.buf) > 2*maxPage {
		r.buf = nil
	}
	if missed != nil {
		r.buf = appendGap(r.buf, missed)
	}
	if len(r.matched) > 0 {
		r.encode()
	}
	return r.buf
}

// gap is what a reader has missed.
type gap struct {
	before uint64 // the id of the event before those that follow
	lost   uint64
}

// find looks through the new events: those to show are in matched then. It returns what
// was missed; nil: nothing.
func (r *Reader) find() *gap {
	t, now := r.t, time.Now()
	r.matched = r.matched[:0]
	t.mu.Lock()
	defer t.mu.Unlock()
	since := now.Sub(t.began)
	r.pause = t.began.Add(since - since%tick + tick)
	r.tokens = min(burst, r.tokens+now.Sub(r.counted).Seconds()*perSecond/float64(max(1, len(t.readers))))
	r.counted = now
	oldest, every := t.oldest(), r.filter.all()
	if every && r.next < oldest {
		r.lost += oldest - r.next
		r.next = oldest
	}
	for ; r.next <= t.head; r.next++ {
		switch {
		case !every && !r.filter.matches(&t.slots[r.next%remembered]):
		case r.next < oldest:
			r.lost++
		default:
			r.matched = append(r.matched, r.next)
		}
	}
	if over := len(r.matched) - int(r.tokens); over > 0 { // the newest are shown
		r.lost += uint64(over)
		r.matched = append(r.matched[:0], r.matched[over:]...)
	}
	r.tokens -= float64(len(r.matched))
	t.findBehind()
	if r.lost == 0 && !r.gap {
		return nil
	}
	g := &gap{t.head, r.lost}
	if len(r.matched) > 0 {
		g.before = r.matched[0] - 1
	}
	t.lost += r.lost
	r.lost, r.gap = 0, false
	return g
}

// encode appends the frames of the events in matched to the page. What has no room is
// looked at again, and so is what was overwritten meanwhile, which counts as lost then.
func (r *Reader) encode() {
	t := r.t
	t.encoding.Lock()
	defer t.encoding.Unlock()
	shown := 0
	for _, id := range r.matched {
		f := t.frame(id)
		if f == nil || len(r.buf) > maxPage {
			break
		}
		r.buf = append(r.buf, f.shown(r.limited, t.public)...)
		shown++
	}
	if shown == len(r.matched) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	rest := r.matched[shown:]
	r.tokens += float64(len(rest))
	for len(rest) > 0 && t.slots[rest[0]%remembered].id != rest[0] {
		r.lost++
		rest = rest[1:]
	}
	if len(rest) > 0 { // so overwrite has counted nothing behind it
		r.next = rest[0]
	}
	r.pause = time.Time{}
	t.findBehind()
}
