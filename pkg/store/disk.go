package store

import (
	"fmt"
	"sync/atomic"
	"syscall"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/internal/stream"
)

// reserve is how much of the disk stays free: nothing is accepted below it, so that
// records can still be removed, which needs room as well.
const reserve = 64 << 20

// disk decides whether anything may be stored.
type disk struct {
	dir       string // empty: the disks are those of NATS
	maxEvents int64  // bytes of the queues
	srv       *stream.Server
	log       *zap.Logger

	events atomic.Int64          // bytes of the queues, about
	coming func() int64          // bytes that are on their way into the queues; nil: they are not counted
	full   atomic.Pointer[error] // why nothing may be stored now; nil: it may
	erased chan struct{}         // wakes Store.sweepErased
}

// refuses returns why nothing may be stored now, or nil.
func (d *disk) refuses() error {
	if d.srv.Broken() {
		return stream.ErrBroken
	}
	if err := d.full.Load(); err != nil {
		return *err
	}
	return nil
}

// refusesHistory is refuses for dead letters and the delivery log, which may be stored
// even while the queues are too large.
func (d *disk) refusesHistory() error {
	if free, keep := d.room(); d.srv.Broken() || free < keep {
		return stream.ErrBroken
	}
	return nil
}

// mayRemove reports whether events may be removed, and moved for that. With a disk that is
// full a purge would fail half-way; see watcher.hung.
func (d *disk) mayRemove() bool {
	free, keep := d.room()
	return !d.srv.Broken() && free >= keep/2
}

// over reports whether the queues take more than they may. Where they took all of
// store.max_bytes, what holds up others could not move any more, and nothing would be removed.
func (d *disk) over() bool { return d.events.Load() > d.maxEvents }

// check decides whether anything may be stored.
func (d *disk) check() {
	var err error
	if free, keep := d.room(); free < keep {
		err = fmt.Errorf("%w: the disk of store.dir has %d MiB left, of which %d are kept free", gateway.ErrFull, free>>20, keep>>20)
	} else if events := d.held(); events > d.maxEvents {
		err = fmt.Errorf("%w: the events take %d MiB, and may take %d of store.max_bytes", gateway.ErrFull, events>>20, d.maxEvents>>20)
	}
	was := d.full.Load()
	switch {
	case err != nil && was == nil:
		if d.full.CompareAndSwap(nil, &err) {
			d.log.Error("store full: accepting nothing more", zap.Error(err))
		}
	case err == nil && was != nil:
		if d.full.CompareAndSwap(was, nil) {
			d.log.Info("store accepts events again")
		}
	}
}

// held returns how many bytes the queues have, about; of NATS, with those that it has not
// confirmed: a stream of it that is full would hold up all that is on its way.
func (d *disk) held() int64 {
	events := d.events.Load()
	if d.coming != nil {
		events += d.coming()
	}
	return events
}

// room returns how much of the disk is free, and below how much nothing is accepted.
func (d *disk) room() (free, keep uint64) {
	if d.dir == "" {
		return 1 << 62, 0
	}
	free, total := diskSpace(d.dir)
	return free, min(reserve, total/10)
}

// diskSpace returns the free bytes and the size of the file system; large numbers if
// they are not known.
func diskSpace(dir string) (free, total uint64) {
	var st syscall.Statfs_t
	if syscall.Statfs(dir, &st) != nil {
		return 1 << 62, 1 << 62
	}
	return st.Bavail * uint64(st.Bsize), st.Blocks * uint64(st.Bsize)
}
