package rooms

import (
	"context"
	"sync"
	"time"
)

// markPause is the time between two writes of a mark.
const markPause = 400 * time.Millisecond

// Run is the clock of the rooms, and writes their marks, until ctx is done.
func (r *Rooms) Run(ctx context.Context) {
	const pause = 20 * time.Millisecond // between two looks at all sessions
	timer := time.NewTimer(0)
	defer timer.Stop()
	lastMarks := time.Time{}
	for {
		select {
		case <-ctx.Done():
			for _, s := range r.all() { // the last events; those that are not stored come again
				_ = s.saveMark(context.WithoutCancel(ctx))
			}
			return
		case <-timer.C:
		case <-r.wake:
		}
		now := time.Now()
		marks := now.Sub(lastMarks) >= markPause
		if marks {
			lastMarks = now
		}
		next := now.Add(time.Minute)
		for _, s := range r.all() {
			if marks || s.unmarked() {
				_ = s.saveMark(ctx)
			}
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
	slots := make(chan struct{}, 16)
	for _, s := range all {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			for s.saveMark(ctx) == nil && !s.clean() {
				select { // the events before the mark are being stored
				case <-s.progress:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	wg.Wait()
}
