package rooms

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/muc"
	"stanzahook/pkg/store"
)

// snapshot is a mark that may be stored once its events are.
type snapshot struct {
	mark   muc.Mark
	issued uint64
}

const storeTimeout = 10 * time.Second

// begin takes the first mark of a room: it is before all that the bot hears there, which waits
// until it is stored. Of the history, which is among the events of the join, it has the beginning.
// s.mu is held.
//
// Killed before it is stored: nobody knows of the join, and the next process makes it anew. Killed
// later: the next process asks for all that was said since.
func (s *session) begin(events []muc.Event) {
	m := s.room.Mark()
	for i := range events {
		if e := &events[i]; e.Missed && e.Stamp.Before(m.First) {
			m.First = e.Stamp
		}
	}
	m.Last, m.Seen = m.First, nil
	s.snapshot, s.marked, s.held = &snapshot{mark: m}, true, true
}

// release lets the events go that have waited for the first mark. s.mu is held.
func (s *session) release(now time.Time) {
	s.held, s.failed = false, false
	s.waiting.mu.Lock()
	s.waiting.next = now
	s.waiting.mu.Unlock()
	s.offerAgain(now)
	s.noteChange()
	s.noteProgress()
	s.all.poke()
}

// record returns what is stored of the room. s.saving is held.
func (s *session) record() (store.RoomRecord, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rec := store.RoomRecord{Room: s.key.room.String(), Bot: s.self.Bare().String(), Mark: s.mark}
	set := s.settings()
	var err error
	if set.Source != FromConfig {
		rec.Kept, err = json.Marshal(kept{set.Nick, set.Password.Reveal(), set.History, set.Create, set.Config, set.Rejoin, set.Source, set.By})
	}
	if s.refusedStored = s.last.State == muc.Refused; s.refusedStored && err == nil {
		rec.Refused, err = json.Marshal(s.room.Status().Refusal)
	}
	return rec, err
}

// save stores the room.
func (s *session) save(ctx context.Context) error {
	s.saving.Lock()
	defer s.saving.Unlock()
	if s.removed {
		return nil
	}
	rec, err := s.record()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	return s.all.o.Store.Put(ctx, rec)
}

// erase takes the room out of the store.
func (s *session) erase(context.Context) {
	s.saving.Lock()
	defer s.saving.Unlock()
	s.removed = true
	s.all.forget(s.key.room.String(), s.self.Bare().String())
}

// entomb stores that the room was left and does not know it, see departed.
func (s *session) entomb(ctx context.Context, nick string) {
	s.saving.Lock()
	defer s.saving.Unlock()
	s.removed = true
	s.mu.Lock()
	rec := s.tombstone(nick)
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if err := s.all.o.Store.Put(ctx, rec); err != nil {
		s.all.log.Warn("room not forgotten", zap.Stringer("room", s.key.room), zap.Error(err))
	}
}

// saveMark stores the mark as it was looked at, if its events are stored; and that the room
// refused us. With anew it looks at the mark again. The error is logged.
func (s *session) saveMark(ctx context.Context, anew bool) error {
	ready, due := s.takeMark(anew)
	if !due {
		return nil
	}
	return s.storeMark(ctx, ready)
}

// takeMark returns the mark that saveMark stores, nil if it is that which was stored last, and
// whether there is anything to store.
func (s *session) takeMark(anew bool) (ready *snapshot, due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.take(anew)
}

// beginMark is takeMark for writeMarks. It takes none while one of the room is being written, which
// endMark ends; and before the next look at all only one that can be stored by now: the first one of
// a room, which everybody waits for, or one whose events are stored.
func (s *session) beginMark(anew bool) (ready *snapshot, due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writing || !anew && (s.snapshot == nil || s.failed || s.done.Load() < s.snapshot.issued) {
		return nil, false
	}
	ready, due = s.take(anew)
	s.writing = due
	return ready, due
}

func (s *session) endMark() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = false
}

// take is takeMark; s.mu is held.
func (s *session) take(anew bool) (ready *snapshot, due bool) {
	refusal := s.refusedStored != (s.last.State == muc.Refused)
	done := s.done.Load()         // before lost, which is set first
	if s.lost.Load() && !s.held { // the first one is before what was lost
		s.snapshot, s.dirty = nil, false
	}
	if s.snapshot != nil && done >= s.snapshot.issued {
		ready, s.snapshot = s.snapshot, nil
	}
	if s.snapshot == nil && s.dirty && anew && !s.held {
		s.snapshot, s.dirty = &snapshot{s.room.Mark(), s.issued}, false
		if ready == nil && done >= s.issued {
			ready, s.snapshot = s.snapshot, nil
		}
	}
	return ready, ready != nil || refusal
}

// storeMark stores what takeMark has returned. The error is logged.
func (s *session) storeMark(ctx context.Context, ready *snapshot) error {
	if ready != nil {
		data, err := json.Marshal(ready.mark)
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.mark = data
		s.mu.Unlock()
	}
	err := s.save(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
		if !errors.Is(err, context.Canceled) {
			s.all.repeats.Warn(s.all.log, "mark of a room not stored", zap.Stringer("room", s.key.room), zap.Error(err))
		}
		s.noteProgress()
		if s.held && ready != nil {
			s.snapshot, s.failed = ready, true
		} else {
			s.dirty = true
		}
	case s.held && ready != nil:
		s.release(time.Now())
	}
	return err
}

// clean reports whether the mark is stored, or cannot be: events that wait come again after
// the restart.
func (s *session) clean() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.held && (!s.dirty && s.snapshot == nil || s.lost.Load() || s.waiting.any())
}
