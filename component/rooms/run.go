package rooms

import (
	"context"
	"sync"
	"time"
)

// markPause is the time between two writes of a mark.
const markPause = 400 * time.Millisecond

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
				_ = s.saveMark(context.WithoutCancel(ctx))
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

// writeMarks writes the marks that moved, each time that it is told to look, until ctx is done.
// It is told often: advance wants to come again as long as a mark is not stored.
func (r *Rooms) writeMarks(ctx context.Context, look <-chan struct{}) {
	last := time.Time{}
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
			if ctx.Err() != nil {
				return
			}
			if all || s.unmarked() {
				_ = s.saveMark(ctx)
			}
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
