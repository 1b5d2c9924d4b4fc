package store

import (
	"fmt"
	"syscall"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/internal/stream"
)

// reserve is what is left free on the disk: nothing is accepted below it, so
// that what is stored can still be removed, which needs room as well.
const reserve = 64 << 20

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
		err = fmt.Errorf("%w: the disk of store.dir has %d MiB left, of which %d are kept free", gateway.ErrFull, free>>20, keep>>20)
	} else if held := s.held.Load(); held > eventBytes(&s.o) {
		err = fmt.Errorf("%w: the events take %d MiB, and may take %d of store.max_bytes", gateway.ErrFull, held>>20, eventBytes(&s.o)>>20)
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
