package delivery

import "time"

// schedule decides which lane of a queue is worked on, and when. Its methods are called
// with the queue's mutex held.
type schedule struct {
	memory
	running  int // runners
	busy     int // of these, those that have a lane
	starting int // of these, those that have not begun
	closed   bool
	blocked  bool // no attempt may begin until the timer fires, or resume
	timer    *time.Timer
	wakeAt   time.Time
	swept    time.Time // when expired events were last looked for
}

// wantsRunner reports whether there is work for one more runner.
func (s *schedule) wantsRunner(concurrency int) bool {
	return !s.closed && !s.blocked && s.running < concurrency && s.starting < s.ready.lanes && s.ready.any(concurrency-s.busy)
}

// next returns a lane that may be worked on now, which is busy then, and whether the
// attempt is a probe; nil if there is none.
func (s *schedule) next(b *breaker, concurrency int, atMost time.Duration) (l *lane, probe bool) {
	if s.closed || s.blocked || s.ready.lanes == 0 && len(s.waits) == 0 {
		return nil, false
	}
	now := time.Now()
	ok, probe, wait := b.allow(now)
	if !ok {
		s.blocked = true
		s.wakeIn(now, min(wait, atMost))
		return nil, false
	}
	// A probe does not wait for the lane's own time. There may be none: those that
	// were ready can be with the sweep.
	if probe {
		l = s.probe(b.lastProbeOf)
	} else {
		l = s.ready.pop(concurrency - s.busy)
	}
	if l != nil {
		l.state = busy
		l.of.busy++
		s.busy++
	} else if probe {
		b.cancelProbe()
	}
	return l, probe
}

// wakeIn sets the timer to fire within d.
func (s *schedule) wakeIn(now time.Time, d time.Duration) {
	at := now.Add(d)
	if !s.closed && (s.wakeAt.IsZero() || at.Before(s.wakeAt)) {
		s.wakeAt = at
		s.timer.Reset(d)
	}
}

// releaseDue makes the lanes ready whose time has come.
func (s *schedule) releaseDue(now time.Time) {
	for len(s.waits) > 0 && !s.waits[0].until.After(now) {
		s.release(s.waits[0])
	}
	if len(s.waits) > 0 {
		s.wakeIn(now, s.waits[0].until.Sub(now))
	}
}

// releaseAll makes all waiting lanes ready.
func (s *schedule) releaseAll() {
	for len(s.waits) > 0 {
		s.release(s.waits[0])
	}
}

func (s *schedule) release(l *lane) {
	s.waits.remove(l)
	l.state = ready
	s.ready.push(l)
}

// delay lets a lane wait; it is not the caller's any more. Its events leave memory but for
// the first one, which leaves too if the queue has too much in memory.
func (s *schedule) delay(l *lane, d time.Duration) {
	now := time.Now()
	keep := 1
	if s.held > s.max.held {
		keep = 0
	}
	s.evict(l, keep)
	l.state, l.until = waiting, now.Add(d)
	s.waits.add(l)
	s.wakeIn(now, d)
}

// maxUnknown bounds the lanes that are read at a time only to learn how old their events
// are.
const maxUnknown = 1000

// stale returns the lanes whose first event may be older than maxAge, which are busy then.
func (s *schedule) stale(now time.Time, maxAge time.Duration) []*lane {
	var stale []*lane
	unknown := 0
	for _, l := range s.lanes {
		if l.state != ready && l.state != waiting {
			continue
		}
		oldest := l.oldest
		if len(l.mem) > 0 {
			oldest = l.mem[0].since
		}
		if oldest.IsZero() {
			if unknown++; unknown > maxUnknown {
				continue
			}
		} else if now.Sub(oldest) < maxAge {
			continue
		}
		if l.state == waiting {
			s.waits.remove(l)
		}
		l.state = busy
		stale = append(stale, l)
	}
	return stale
}
