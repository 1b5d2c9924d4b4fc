package store

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/store/internal/stream"
)

const (
	recentName = "EVENTS"
	olderName  = "WAITING"

	// firstRecent is the first place in EVENTS. The places in WAITING are smaller, so a
	// place tells its stream.
	firstRecent = 1 << 40

	// maxPerConversation bounds what one conversation may have waiting, so that one
	// flood does not fill the store for all: so many in WAITING, and so many in EVENTS
	// until they move there.
	maxPerConversation = 10_000
)

func recentConfig(o *Options) stream.Config {
	return stream.Config{
		Name: recentName, About: "events of all endpoints", Subjects: "event.*.*", First: firstRecent,
		RefuseNew: true, RefusePerSubject: true, MaxPerSubject: maxPerConversation, MaxBytes: streamBytes(o), Sequenced: true,
	}
}

// olderConfig leaves room for a conversation that is full in EVENTS and moves.
func olderConfig(o *Options) stream.Config {
	return stream.Config{
		Name: olderName, About: "events that wait", Subjects: "waiting.*.*",
		RefuseNew: true, RefusePerSubject: true, MaxPerSubject: 2 * maxPerConversation, MaxBytes: streamBytes(o), Sequenced: true,
	}
}

// heldFor is how long an event that is not finished may hold up the removal of those
// behind it, before it is moved. maxMove is how many events move at a time, and settleFor
// how long their originals stay after that: the server writes to the disk once a
// second, and a power cut must not take the copies without the originals.
const (
	heldFor   = time.Second
	maxMove   = 10_000
	settleFor = 2 * time.Second
)

// recent is the stream of the events of all pushed endpoints, as they come. It is removed
// by watermark alone: everything up to the first event that is not finished goes at once,
// for all endpoints together. An event that holds the watermark moves to WAITING with
// whatever else its endpoint has before it.
//
// Killed: what is finished and not yet removed is delivered again, with the same ids.
type recent struct {
	st                 *stream.Stream
	heldFor, settleFor time.Duration // the constants, but in tests

	mu    sync.Mutex
	marks marks
	gone  uint64  // everything before this is removed
	top   uint64  // the last event that was reported as stored
	moves []*move // whose originals are still there

	// A place up to settled was stored heldFor ago at least; snapped is the top at a time
	// since then.
	settled, snapped uint64
	snappedAt        time.Time
}

// move is a number of events that were copied to WAITING.
type move struct {
	from uint64    // its first original is not before
	at   time.Time // when all copies were stored; zero: not yet
}

// load looks for what the stream has.
func (r *recent) load(ctx context.Context) (stream.State, error) {
	state, err := r.st.FullState(ctx)
	if err != nil {
		return state, fmt.Errorf("open the events: %w", err)
	}
	r.marks = newMarks(max(state.First, firstRecent), max(state.Last+1, firstRecent), state.Deleted)
	r.gone, r.top = r.marks.base, state.Last
	return state, nil
}

// mark finishes an event.
func (r *recent) mark(place uint64) {
	r.mu.Lock()
	r.marks.mark(place)
	r.mu.Unlock()
}

// isRemoved reports whether an event and all before it are removed.
func (r *recent) isRemoved(place uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return place < r.gone
}

// isOver reports whether an event is finished, or not yet reported as stored.
func (r *recent) isOver(place uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return place > r.top || r.marks.has(place)
}

// last returns the place of the last event that was reported as stored.
func (r *recent) last() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.top
}

// begin begins a move of events from a place on: they stay until it has ended.
func (r *recent) begin(from uint64) *move {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := &move{from: max(from, r.marks.base)}
	r.moves = append(r.moves, m)
	return m
}

// end ends a move: its originals are finished. It returns those that were finished before.
func (r *recent) end(m *move, list []copied) (finished []copied) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m.at = time.Now(); len(list) == 0 {
		r.moves = slices.DeleteFunc(r.moves, func(other *move) bool { return other == m })
	}
	for i := range list {
		if r.marks.has(list[i].from) {
			finished = append(finished, list[i])
		}
		r.marks.mark(list[i].from)
	}
	return finished
}

// stored notes that an event is reported as stored.
func (r *recent) stored(place uint64) {
	r.mu.Lock()
	r.top = max(r.top, place)
	r.mu.Unlock()
}

// watermark returns the place before which everything may be removed. The originals
// of a move stay until the disk has the copies, or the store closes, which writes them.
func (r *recent) watermark(now time.Time, closing bool) (before uint64, more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.moves = slices.DeleteFunc(r.moves, func(m *move) bool { return !m.at.IsZero() && (closing || now.Sub(m.at) >= r.settleFor) })
	before = r.marks.base
	for _, m := range r.moves {
		before = min(before, m.from)
	}
	return before, before > r.gone
}

// removedBefore notes that everything before a place was removed.
func (r *recent) removedBefore(place uint64) {
	r.mu.Lock()
	r.gone = place
	r.mu.Unlock()
}

// held returns the place of the event that has held up the removal of others for too
// long, and up to where the events of its endpoint may move; what came lately is probably
// about to be finished.
func (r *recent) held(now time.Time) (place, upTo uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.snappedAt) >= r.heldFor {
		r.settled, r.snapped, r.snappedAt = r.snapped, r.top, now
	}
	return r.marks.base, r.settled, r.marks.ahead > 0 && r.marks.base <= r.settled
}

// ahead returns how many events behind one that is not finished are.
func (r *recent) ahead() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.marks.ahead
}

// waits reports whether finished events wait to be removed.
func (r *recent) waits() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.marks.ahead > 0 || len(r.moves) > 0 || r.marks.base > r.gone
}

// holder returns the event at a place, or the next one there is; all places before it
// are finished.
func (r *recent) holder(ctx context.Context, place uint64) (*stream.Record, error) {
	list, err := r.st.Page(ctx, r.st.Subjects(), place, 1)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	r.mu.Lock()
	for at := place; at < list[0].Seq; at++ {
		r.marks.mark(at)
	}
	r.mu.Unlock()
	return &list[0], nil
}

// discard removes the events after the last one that was reported as stored: they were
// reported as refused.
//
// Killed before: they are delivered after the restart all the same.
func discard(ctx context.Context, st *stream.Stream, top uint64, onGone func(place uint64)) error {
	state, err := st.State(ctx)
	if err != nil {
		return err
	}
	for place := max(top+1, state.First); place <= state.Last; place++ {
		if err := remove(ctx, st, place); err != nil {
			return err
		}
		onGone(place)
	}
	return nil
}

// drain removes the events that are finished and lie behind others that are not: at the
// end of the process, so that they do not come again; so many at a time. It reports whether
// all are removed.
func (r *recent) drain(ctx context.Context, width int, log *zap.Logger) bool {
	r.mu.Lock()
	var list []uint64
	for place := r.marks.base; place <= r.top && len(list) < r.marks.ahead; place++ {
		if r.marks.has(place) {
			list = append(list, place)
		}
	}
	r.mu.Unlock()
	why := context.DeadlineExceeded
	var mu sync.Mutex
	until, _ := ctx.Deadline()
	done, all := together(list, width, until, func(place uint64) bool {
		err := remove(ctx, r.st, place)
		if err != nil {
			mu.Lock()
			why = err
			mu.Unlock()
		}
		return err == nil
	})
	if !all {
		log.Warn("finished events not removed; they are delivered again", zap.Int("events", len(list)-len(done)), zap.Error(why))
	}
	return all
}
