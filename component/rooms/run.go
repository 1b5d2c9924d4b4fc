package rooms

import (
	"context"
	"sync"
	"time"
)

const (
	// markPause is the time between two looks at a mark. It is durable within a second: as soon
	// as the events before it are stored, see writeMarks.
	markPause = 800 * time.Millisecond
	// storedPause is the time between two looks whether these are stored.
	storedPause = 50 * time.Millisecond
)

// marksAtOnce is how many marks are written at a time: together they cost the store less than one
// after the other, and those of many rooms move at once.
const marksAtOnce = 32

// Run is the clock of the rooms, and writes their marks, until ctx is done. The marks are
// written beside the clock: a slow store must not delay joins and pings.
func (r *Rooms) Run(ctx context.Context) {
	const pause = 20 * time.Millisecond // between two looks at all sessions
	timer := time.NewTimer(0)
	defer timer.Stop()
	look := make(chan struct{}, 1)
	var wg sync.WaitGroup
	wg.Go(func() { r.writeMarks(ctx, look) })
	for {
		select {
		case <-ctx.Done():
			wg.Wait()
			for _, s := range r.all() { // the last events; those that are not stored come again
				_ = s.saveMark(context.WithoutCancel(ctx), true)
			}
			return
		case <-timer.C:
		case <-r.wake:
		}
		select {
		case look <- struct{}{}:
		default: // it has not looked yet since the last time
		}
		now := time.Now()
		next := now.Add(time.Minute)
		for _, s := range r.all() {
			if at := s.advance(now); !at.IsZero() && at.Before(next) {
				next = at
			}
		}
		timer.Reset(max(pause, time.Until(next)))
		select { // a busy room pokes with every message
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// writeMarks writes the marks that moved, at every markPause, until ctx is done; one whose
// events are not stored yet as soon as they are, and the first one of a room at once. Those of
// several rooms are written at the same time, so that one does not wait for another. It looks
// when look has something, which is often: advance asks again as long as a mark is not stored.
func (r *Rooms) writeMarks(ctx context.Context, look <-chan struct{}) {
	last := time.Time{}
	slots := make(chan struct{}, marksAtOnce)
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look:
		}
		now := time.Now()
		all := now.Sub(last) >= markPause
		if all {
			last = now
		}
		for _, s := range r.all() {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			ready, due := s.beginMark(all)
			if !due {
				<-slots
				continue
			}
			wg.Go(func() {
				defer func() { <-slots }()
				_ = s.storeMark(ctx, ready)
				s.endMark()
			})
		}
	}
}

// Stop leaves the rooms, if the policy says so, and writes the marks. A room that has refused
// us stays so, also in the store: the next process does not join it. Events and joins that
// come later are dropped.
func (r *Rooms) Stop(ctx context.Context) {
	r.mu.Lock()
	leave := r.policy.LeaveOnStop
	r.stopped = true
	r.mu.Unlock()
	all := r.all()
	if leave {
		for _, s := range all {
			s.leaveForNow("restarting")
		}
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, marksAtOnce)
	for _, s := range all {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			progress := make(chan struct{}, 1)
			s.progress.Store(&progress)
			for s.saveMark(ctx, true) == nil && !s.clean() {
				select { // the events before the mark are being stored
				case <-progress:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	wg.Wait()
}
