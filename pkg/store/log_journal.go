package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

const (
	logPause     = 250 * time.Millisecond // until a batch that is not full is written
	logBatch     = 256 << 10              // bytes of a batch, before compression
	logUnwritten = 8 << 20                // bytes that wait to be written; more is dropped
)

// Headers of a batch: its smallest and its largest id.
const (
	headFirstID = "First-Id"
	headLastID  = "Last-Id"
)

// journal gathers entries of the log and writes them, many at a time, as one
// record of the stream. It outlives the engine: while that is replaced, or the
// disk is full, entries wait here, as many as there is room for.
//
// Killed: what waits here is lost.
type journal struct {
	o       *Options
	eng     atomic.Pointer[engine]
	dropped atomic.Uint64

	mu     sync.Mutex
	batch  *logbatch   // being filled; nil: none
	full   []*logbatch // to be written, in order
	bytes  int         // of full
	free   []*logbatch // to be used again
	armed  bool        // write will be called
	closed bool

	writing chan struct{} // one token: whoever has it writes
	packed  []byte        // the writer's
	count   int           // entries in the stream, about; the writer's
	told    uint64        // dropped entries that were logged; the writer's

	searching chan struct{} // a token for each who reads the log
}

// logbatch is entries that are written together.
type logbatch struct {
	data        []byte
	n           int
	first, last string // ids
}

func newJournal(o *Options) *journal {
	return &journal{o: o, writing: make(chan struct{}, 1), searching: make(chan struct{}, searches)}
}

// add encodes an entry. It costs the caller well under a microsecond, and
// nearly always no allocation.
func (j *journal) add(e *Entry) {
	size := e.sizeBound()
	j.mu.Lock()
	defer j.mu.Unlock()
	if b := j.batch; b != nil && len(b.data)+size > logBatch {
		j.turn()
		j.arm(0)
	}
	if j.bytes+size > logUnwritten && len(j.full) > 0 || j.closed {
		j.dropped.Add(1)
		return
	}
	if j.batch == nil {
		j.batch = j.fresh()
		j.arm(logPause)
	}
	b := j.batch
	b.data = appendEntry(b.data, e)
	if b.n++; b.n == 1 {
		b.first, b.last = e.ID, e.ID
	} else {
		b.first, b.last = min(b.first, e.ID), max(b.last, e.ID)
	}
}

// turn ends the batch that is being filled; j.mu is held.
func (j *journal) turn() {
	if j.batch != nil {
		j.full = append(j.full, j.batch)
		j.bytes += len(j.batch.data)
		j.batch = nil
	}
}

func (j *journal) fresh() *logbatch {
	if n := len(j.free); n > 0 {
		b := j.free[n-1]
		j.free = j.free[:n-1]
		return b
	}
	return &logbatch{data: make([]byte, 0, 16<<10)}
}

// arm sees to it that what waits is written; j.mu is held. An idle journal has
// no goroutine and no timer.
func (j *journal) arm(after time.Duration) {
	switch {
	case after == 0:
		go j.run()
	case !j.armed:
		j.armed = true
		time.AfterFunc(after, func() {
			j.mu.Lock()
			j.armed = false
			j.turn()
			j.mu.Unlock()
			j.run()
		})
	}
}

// run writes what waits, unless somebody does already.
func (j *journal) run() {
	select {
	case j.writing <- struct{}{}:
	default:
		return
	}
	err := j.write()
	<-j.writing
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.full) == 0 || j.closed {
		return
	}
	if err != nil {
		j.arm(logPause)
	} else {
		j.arm(0) // a batch was ended since write looked
	}
}

// write writes the full batches; the caller has the token.
func (j *journal) write() error {
	for {
		j.mu.Lock()
		if len(j.full) == 0 {
			j.mu.Unlock()
			j.tell()
			return nil
		}
		b := j.full[0]
		j.mu.Unlock()
		err := j.put(b)
		if err != nil && !errors.Is(err, errRefused) {
			return err
		}
		if err != nil {
			j.dropped.Add(uint64(b.n))
			j.o.Log.Warn("entries of the delivery log are lost", zap.Int("entries", b.n), zap.Error(err))
		}
		j.mu.Lock()
		j.full = j.full[1:]
		j.bytes -= len(b.data)
		if len(j.free) < 4 && cap(b.data) <= 2*logBatch {
			*b = logbatch{data: b.data[:0]}
			j.free = append(j.free, b)
		}
		j.mu.Unlock()
	}
}

// tell logs that entries were dropped, once they can be written again.
func (j *journal) tell() {
	if n := j.dropped.Load(); n > j.told {
		j.o.Log.Warn("entries of the delivery log were dropped; the deliveries themselves are not affected", zap.Uint64("entries", n-j.told))
		j.told = n
	}
}

var (
	errRefused = errors.New("the store does not take it")
	errNotNow  = fmt.Errorf("%w; the delivery log waits", ErrFull)
)

// put writes one batch. errRefused means that it will never be taken; any
// other error, that it may be tried again.
func (j *journal) put(b *logbatch) error {
	e := j.eng.Load()
	if e.broken.Load() || low(j.o.Dir) {
		return errNotNow
	}
	j.packed = s2.Encode(j.packed[:cap(j.packed)], b.data)
	m := nats.NewMsg(logPrefix + strconv.Itoa(b.n))
	m.Header.Set(headFirstID, b.first)
	m.Header.Set(headLastID, b.last)
	m.Data = j.packed
	ctx, cancel := context.WithTimeout(context.Background(), publishTimeout)
	defer cancel()
	_, err := e.js.PublishMsg(ctx, m, jetstream.WithExpectStream(logStream))
	if cap(j.packed) > 4*logBatch {
		j.packed = nil
	}
	var api *jetstream.APIError
	switch {
	case err == nil:
	case errors.As(err, &api), errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w: %w", errRefused, err)
	case e.nc.IsClosed():
		return errNotNow
	default:
		return e.failure(err)
	}
	if j.count += b.n; j.count > logCount(j.o) {
		j.count = e.trimLog(ctx, j.o)
	}
	return nil
}

// low reports whether the disk has no room for what could be left out.
func low(dir string) bool {
	free, total := diskSpace(dir)
	return free < min(reserve, total/10)
}

// LogFlush writes what Log has taken so far, and returns when it is stored.
// Errors: ErrFull while nothing can be written; ctx's.
func (s *Store) LogFlush(ctx context.Context) error {
	j := s.o.journal
	select {
	case j.writing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-j.writing }()
	j.mu.Lock()
	j.turn()
	j.mu.Unlock()
	if err := j.write(); err != nil {
		return fmt.Errorf("write the delivery log: %w", err)
	}
	return nil
}

// closeLog writes what waits and takes nothing more.
func (s *Store) closeLog(ctx context.Context) {
	if err := s.LogFlush(ctx); err != nil {
		s.log.Warn("the last entries of the delivery log are lost", zap.Error(err))
	}
	j := s.o.journal
	j.mu.Lock()
	j.closed, j.batch, j.full = true, nil, nil
	j.mu.Unlock()
}
