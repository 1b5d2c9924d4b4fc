package deliverylog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/klauspost/compress/s2"
	"go.uber.org/zap"

	"stanzahook/pkg/store/internal/stream"
)

const (
	batchPause   = 250 * time.Millisecond // until a batch that is not full is written
	maxBatch     = 256 << 10              // bytes of a batch, before compression
	maxUnwritten = 8 << 20                // bytes that wait to be written; more is dropped
	putTimeout   = 10 * time.Second
)

// Headers of a batch: its smallest and its largest id, and when the first and the last of its
// events was received, in milliseconds.
const (
	headFirstID = "First-Id"
	headLastID  = "Last-Id"
	headFirstAt = "First-At"
	headLastAt  = "Last-At"
)

// writer gathers entries and writes them, many at a time, as one record of the stream.
// While nothing can be written, as the disk is full or the server is replaced, entries
// wait here, as many as there is room for.
//
// Killed: what waits here is lost.
type writer struct {
	mu     sync.Mutex
	batch  *batch   // being filled; nil: none
	full   []*batch // to be written, in order
	bytes  int      // of full
	free   []*batch // to be used again
	armed  bool     // write will be called
	closed bool

	writing  chan struct{} // one token: its holder writes
	packed   []byte        // belongs to the token
	count    int           // entries in the stream, about; belongs to the token
	reported uint64        // dropped entries that were logged; belongs to the token
}

// batch is entries that are written together.
type batch struct {
	data            []byte
	n               int
	first, last     string // ids
	firstAt, lastAt int64  // milliseconds
}

func newWriter() writer { return writer{writing: make(chan struct{}, 1)} }

// Add adds to the log. It does not wait: what cannot be written in time is dropped, and
// counted (see Dropped). It costs the caller well under a microsecond, and nearly always
// no allocation.
//
// The log is separate from the queue: no delivery depends on it. Killed: the entries of
// the last quarter second are lost; their events are in the queue or acknowledged, as they
// were.
func (l *Log) Add(e *Entry) {
	size := e.sizeBound()
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.batch; b != nil && len(b.data)+size > maxBatch {
		l.endBatch()
		l.arm(0)
	}
	if l.bytes+size > maxUnwritten && len(l.full) > 0 || l.closed {
		l.dropped.Add(1)
		return
	}
	if l.batch == nil {
		l.batch = l.fresh()
		l.arm(batchPause)
	}
	b := l.batch
	b.data = appendEntry(b.data, e)
	at := e.Received.UnixMilli()
	if b.n++; b.n == 1 {
		b.first, b.last, b.firstAt, b.lastAt = e.ID, e.ID, at, at
	} else {
		b.first, b.last = min(b.first, e.ID), max(b.last, e.ID)
		b.firstAt, b.lastAt = min(b.firstAt, at), max(b.lastAt, at)
	}
}

// endBatch ends the batch that is being filled; l.mu is held.
func (l *Log) endBatch() {
	if l.batch != nil {
		l.full = append(l.full, l.batch)
		l.bytes += len(l.batch.data)
		l.batch = nil
	}
}

func (l *Log) fresh() *batch {
	if n := len(l.free); n > 0 {
		b := l.free[n-1]
		l.free = l.free[:n-1]
		return b
	}
	return &batch{data: make([]byte, 0, 16<<10)}
}

// arm makes run be called; l.mu is held. An idle log has no goroutine and no timer.
func (l *Log) arm(after time.Duration) {
	switch {
	case after == 0:
		go l.run()
	case !l.armed:
		l.armed = true
		time.AfterFunc(after, func() {
			l.mu.Lock()
			l.armed = false
			l.endBatch()
			l.mu.Unlock()
			l.run()
		})
	}
}

// run writes the batches that wait, unless another goroutine does already.
func (l *Log) run() {
	select {
	case l.writing <- struct{}{}:
	default:
		return
	}
	err := l.write()
	<-l.writing
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.full) == 0 || l.closed {
		return
	}
	if err != nil {
		l.arm(batchPause)
	} else {
		l.arm(0) // a batch was ended since write looked
	}
}

// write writes the full batches; the caller has the token.
func (l *Log) write() error {
	for {
		l.mu.Lock()
		if len(l.full) == 0 {
			l.mu.Unlock()
			l.report()
			return nil
		}
		b := l.full[0]
		l.mu.Unlock()
		err := l.put(b)
		if err != nil && !errors.Is(err, errRefused) {
			return err
		}
		if err != nil {
			l.dropped.Add(uint64(b.n))
			l.o.Log.Warn("delivery log entries lost", zap.Int("entries", b.n), zap.Error(err))
		}
		l.mu.Lock()
		l.full = l.full[1:]
		l.bytes -= len(b.data)
		if len(l.free) < 4 && cap(b.data) <= 2*maxBatch {
			*b = batch{data: b.data[:0]}
			l.free = append(l.free, b)
		}
		l.mu.Unlock()
	}
}

// report logs that entries were dropped, once they can be written again.
func (l *Log) report() {
	if n := l.dropped.Load(); n > l.reported {
		l.o.Log.Warn("delivery log entries dropped", zap.Uint64("entries", n-l.reported), zap.String("hint", "deliveries are not affected"))
		l.reported = n
	}
}

// errRefused means that a batch will never be accepted.
var errRefused = errors.New("the store does not take it")

// put writes one batch. After any other error than errRefused it may be tried again.
func (l *Log) put(b *batch) error {
	if err := l.o.Refuses(); err != nil {
		return fmt.Errorf("%w; the delivery log waits", err)
	}
	l.packed = s2.Encode(l.packed[:cap(l.packed)], b.data)
	ctx, cancel := context.WithTimeout(context.Background(), putTimeout)
	defer cancel()
	_, err := l.st.Put(ctx, &stream.Message{
		Subject: subjectPrefix + strconv.Itoa(b.n),
		Header: stream.Header{headFirstID: {b.first}, headLastID: {b.last},
			headFirstAt: {strconv.FormatInt(b.firstAt, 10)}, headLastAt: {strconv.FormatInt(b.lastAt, 10)}},
		Data: l.packed,
	})
	if cap(l.packed) > 4*maxBatch {
		l.packed = nil
	}
	switch {
	case errors.Is(err, stream.ErrBroken):
		return err
	case err != nil:
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	if l.count += b.n; l.count > l.o.Count {
		l.count = l.trim(ctx)
	}
	return nil
}

// Flush writes what Add was given so far, and returns when it is stored.
// Errors: gateway.ErrFull while nothing can be written; that of ctx.
func (l *Log) Flush(ctx context.Context) error {
	select {
	case l.writing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-l.writing }()
	l.mu.Lock()
	l.endBatch()
	l.mu.Unlock()
	if err := l.write(); err != nil {
		return fmt.Errorf("write the delivery log: %w", err)
	}
	return nil
}

// Close writes what waits. What is added later is dropped.
func (l *Log) Close(ctx context.Context) {
	if err := l.Flush(ctx); err != nil {
		l.o.Log.Warn("delivery log entries lost", zap.String("reason", "the store is closing"), zap.Error(err))
	}
	l.mu.Lock()
	l.closed, l.batch, l.full = true, nil, nil
	l.mu.Unlock()
}

// Dropped returns how many entries were dropped since the log was opened.
func (l *Log) Dropped() uint64 { return l.dropped.Load() }

// Unwritten returns how many bytes wait in memory, in batches that are full.
func (l *Log) Unwritten() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes
}
