package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"syscall"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/store/internal/stream"
)

const (
	watchPause = 200 * time.Millisecond
	// reserve is what is left free on the disk: nothing is taken below it, so
	// that what is stored can still be removed, which needs room as well.
	reserve = 64 << 20
)

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

// refuses returns why nothing may be stored now, or nil.
func (s *Store) refuses() error {
	if s.srv.Broken() {
		return stream.ErrBroken
	}
	if err := s.full.Load(); err != nil {
		return *err
	}
	return nil
}

// refusesHistory returns why nothing may be stored now of what could be left out, or
// nil: it may even when the queues of events have grown too large.
func (s *Store) refusesHistory() error {
	if free, keep := s.Room(); s.srv.Broken() || free < keep {
		return stream.ErrBroken
	}
	return nil
}

// checkDisk decides whether anything may be stored.
func (s *Store) checkDisk() {
	var err error
	if free, keep := s.Room(); free < keep {
		err = fmt.Errorf("%w: the disk of store.dir has %d MiB left, of which %d are kept free", ErrFull, free>>20, keep>>20)
	} else if held := s.held.Load(); held > eventBytes(&s.o) {
		err = fmt.Errorf("%w: the events take %d MiB, and may take %d of store.max_bytes", ErrFull, held>>20, eventBytes(&s.o)>>20)
	}
	was := s.full.Load()
	switch {
	case err != nil && was == nil:
		s.log.Error("store full: accepting nothing more", zap.Error(err))
		s.full.Store(&err)
	case err == nil && was != nil:
		s.log.Info("store accepts events again")
		s.full.Store(nil)
	}
}

// Room returns how much of the disk is free for the store, and below how much it
// accepts nothing more.
func (s *Store) Room() (free, keep uint64) {
	free, total := diskSpace(s.o.Dir)
	return free, min(reserve, total/10)
}

// diskSpace returns what is free for us, and the size of the file system; a
// large number for both if it cannot be told.
func diskSpace(dir string) (free, total uint64) {
	var st syscall.Statfs_t
	if syscall.Statfs(dir, &st) != nil {
		return 1 << 62, 1 << 62
	}
	return st.Bavail * uint64(st.Bsize), st.Blocks * uint64(st.Bsize)
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
