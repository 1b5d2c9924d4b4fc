package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"syscall"
	"time"

	"go.uber.org/zap"
)

const (
	watchPause = 200 * time.Millisecond
	// reserve is what is left free on the disk: nothing is taken below it, so
	// that what is stored can still be removed, which needs room as well.
	reserve = 64 << 20
)

// watch looks after the disk: it refuses what would fill it, and replaces the
// engine when a write has failed and there is room again.
//
// What was acknowledged is in the files and stays there over the change; what
// was under way is refused, and its sender told.
func (s *Store) watch(ctx context.Context) {
	tick := time.NewTicker(watchPause)
	defer tick.Stop()
	done := make(chan struct{}, 1)
	var since time.Time // of the look that has not come back
	for n := 0; ; n++ {
		s.seen()
		select {
		case <-tick.C:
		case <-done:
			since = time.Time{}
			continue
		case <-ctx.Done():
			if !since.IsZero() { // a look ends with ctx, unless the engine hangs
				select {
				case <-done:
				case <-time.After(readTimeout):
				}
			}
			return
		}
		s.checkDisk()
		switch {
		case since.IsZero() && (n%5 == 0 || s.eng.Load().broken.Load()):
			since = time.Now()
			go func() {
				s.look(ctx)
				done <- struct{}{}
			}()
		case !since.IsZero() && time.Since(since) > hungAfter:
			s.hung()
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

// Alive returns nil as long as the store is looked after: its engine answers, or
// is about to be replaced, or has been silent for less than it may be, and if it
// stays so, Options.Hung is called. An error means that only a new process helps.
func (s *Store) Alive() error {
	if silent := time.Since(*s.watched.Load()); silent > aliveWithin {
		return fmt.Errorf("store: nobody has looked after it for %v", silent.Round(time.Second))
	}
	return nil
}

// look does what needs the engine, which may hang.
func (s *Store) look(ctx context.Context) {
	if s.eng.Load().broken.Load() {
		s.recover(ctx)
	}
	s.count(ctx)
}

// hungAfter is how long the engine may say nothing at all. Opening a large
// store takes some seconds.
const hungAfter = 90 * time.Second

// hung gives up an engine that does not answer any more (COMPAT: nats-server
// 2.15.2 locks itself out when a purge meets a write error). Its files are
// whole, but nothing in this process may open them a second time.
func (s *Store) hung() {
	s.log.Error("the store does not answer any more, and only a new process can open it; what it has acknowledged is safe")
	if s.o.Hung != nil {
		s.o.Hung()
	}
}

// refuses returns why nothing may be stored now, or nil.
func (s *Store) refuses() error {
	if s.eng.Load().broken.Load() {
		return errBroken
	}
	if err := s.full.Load(); err != nil {
		return *err
	}
	return nil
}

// checkDisk decides whether anything may be stored.
func (s *Store) checkDisk() {
	var err error
	if free, keep := s.room(); free < keep {
		err = fmt.Errorf("%w: the disk of store.dir has %d MiB left, of which %d are kept free", ErrFull, free>>20, keep>>20)
	} else if held := s.held.Load(); held > eventBytes(&s.o) {
		err = fmt.Errorf("%w: the events take %d MiB, and may take %d of store.max_bytes", ErrFull, held>>20, eventBytes(&s.o)>>20)
	}
	was := s.full.Load()
	switch {
	case err != nil && was == nil:
		s.log.Error("the store takes nothing more for now", zap.Error(err))
		s.full.Store(&err)
	case err == nil && was != nil:
		s.log.Info("the store takes events again")
		s.full.Store(nil)
	}
}

// room returns how much of the disk is free for us, and how much has to be.
func (s *Store) room() (free, keep uint64) {
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
	for _, q := range s.open() {
		if _, err := q.state(ctx); err != nil {
			return // broken or closing: the next look will tell
		}
	}
}

func (s *Store) open() []*Queue {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.queues))
}

// recover replaces the engine after a failed write, when there is room.
func (s *Store) recover(ctx context.Context) {
	if s.full.Load() != nil {
		return
	}
	s.log.Warn("a write to the store had failed; it is opened anew")
	s.eng.Load().window.wait() // their senders are told before the streams are looked at again
	s.eng.Load().close()
	e, err := startEngine(ctx, &s.o)
	if err != nil {
		s.log.Error("the store cannot be opened; it is tried again", zap.Error(err))
		return
	}
	for _, q := range s.open() {
		if err := q.disown(ctx, e); err != nil {
			s.log.Error("the store cannot be opened; it is tried again", zap.Error(err))
			e.close()
			return
		}
	}
	s.eng.Store(e)
	s.mu.Lock()
	again := s.reopen
	s.mu.Unlock()
	for _, open := range again {
		if err := open(ctx); err != nil {
			s.log.Error("a part of the store cannot be opened; all of it is tried again", zap.Error(err))
			e.fail()
			return
		}
	}
	s.log.Info("the store is open again")
}
