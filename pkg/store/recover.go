package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"
)

const watchPause = 200 * time.Millisecond

// watch watches the disk: it refuses what would fill it, and restarts the server when a
// write has failed and there is room again.
//
// What was said to be stored is in the files and stays there over the restart; what was
// under way is refused, and its sender gets an error.
func (s *Store) watch(ctx context.Context) {
	tick := time.NewTicker(watchPause)
	defer tick.Stop()
	done := make(chan struct{}, 1)
	var since time.Time // of the probe that has not come back
	for n := 0; ; n++ {
		s.seen()
		select {
		case <-tick.C:
		case <-done:
			since = time.Time{}
			continue
		case <-ctx.Done():
			if !since.IsZero() { // a probe ends with ctx, unless the server hangs
				select {
				case <-done:
				case <-time.After(readTimeout):
				}
			}
			return
		}
		s.checkDisk()
		switch {
		case since.IsZero() && (n%5 == 0 || s.srv.Broken()):
			since = time.Now()
			go func() {
				s.probe(ctx)
				done <- struct{}{}
			}()
		case !since.IsZero() && time.Since(since) > hungAfter:
			s.onHung()
			return
		}
	}
}

// aliveWithin is how often watch comes by at least, on the slowest of machines.
const aliveWithin = 10 * time.Second

// seen notes that watch has come by.
func (s *Store) seen() {
	now := time.Now()
	s.watched.Store(&now)
}

// Alive returns nil as long as the store watches itself: its server answers, or
// is about to be restarted, or has been silent for less than it may be, and if it
// stays so, Options.OnHung is called. An error means that only a new process helps.
func (s *Store) Alive() error {
	if silent := time.Since(*s.watched.Load()); silent > aliveWithin {
		return fmt.Errorf("store: it has not checked itself for %v", silent.Round(time.Second))
	}
	return nil
}

// probe does what needs the server, which may hang.
func (s *Store) probe(ctx context.Context) {
	if s.srv.Broken() {
		s.recover(ctx)
	}
	s.count(ctx)
}

// hungAfter is how long the server may say nothing at all. Opening a large
// store takes some seconds.
const hungAfter = 90 * time.Second

// onHung gives up a server that does not answer any more (COMPAT: nats-server
// 2.15.2 locks itself out when a purge meets a write error). Its files are
// whole, but nothing in this process may open them a second time.
func (s *Store) onHung() {
	s.log.Error("store hung", zap.String("hint", "only a new process can open it; what it has acknowledged is safe"))
	if s.o.OnHung != nil {
		s.o.OnHung()
	}
}

// count brings the estimate of what the queues hold up to date.
func (s *Store) count(ctx context.Context) {
	for _, q := range s.openQueues() {
		if _, err := q.state(ctx); err != nil {
			return // broken or closing: the next probe will tell
		}
	}
}

func (s *Store) openQueues() []*Queue {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.queues))
}

// recover restarts the server after a failed write, when there is room. When a part of
// that fails, the next probe does all of it again.
//
// Killed at any point: the files are as they were. An event that was refused, and is in
// the files all the same, is delivered after the restart of the process.
func (s *Store) recover(ctx context.Context) {
	if s.full.Load() != nil {
		return
	}
	s.log.Warn("a write to the store failed; reopening it")
	if err := s.reopen(ctx); err != nil {
		s.log.Error("store cannot be reopened; trying again", zap.Error(err))
		return
	}
	s.log.Info("store reopened")
}

func (s *Store) reopen(ctx context.Context) error {
	if err := s.srv.Restart(); err != nil {
		return err
	}
	if err := s.openStreams(ctx); err != nil {
		return err
	}
	s.deadShares.reset()
	if err := s.deliveries.Reopen(ctx); err != nil {
		return err
	}
	for _, q := range s.openQueues() {
		if err := q.discardUnacknowledged(ctx); err != nil {
			return err
		}
	}
	return s.srv.Resume(ctx)
}
