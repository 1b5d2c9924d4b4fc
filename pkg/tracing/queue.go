package tracing

import (
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/encoding/protowire"
)

const (
	maxQueued = 2 << 20   // bytes of ended spans that wait for the request before theirs
	fullBatch = 256 << 10 // bytes of spans that do not wait for others
)

// scopeSpans is the field of ScopeSpans in which spans are.
const scopeSpans protowire.Number = 2

// batch is the spans of a request, encoded as in ScopeSpans.
type batch struct {
	spans []byte
	n     int
}

// queue collects ended spans.
type queue struct {
	dropped atomic.Int64

	mu    sync.Mutex
	next  batch
	spare []byte        // to be used again
	some  chan struct{} // there is a span
	full  chan struct{} // there are enough for a request
}

func newQueue() *queue { return &queue{some: make(chan struct{}, 1), full: make(chan struct{}, 1)} }

// add adds an ended span, or drops it. It never waits for the collector.
func (q *queue) add(span []byte) {
	q.mu.Lock()
	if len(q.next.spans)+len(span) > maxQueued {
		q.mu.Unlock()
		q.dropped.Add(1)
		return
	}
	q.next.spans = protowire.AppendBytes(protowire.AppendTag(q.next.spans, scopeSpans, protowire.BytesType), span)
	q.next.n++
	first, full := q.next.n == 1, len(q.next.spans) >= fullBatch
	q.mu.Unlock()
	if first {
		signal(q.some)
	}
	if full {
		signal(q.full)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// take takes what there is.
func (q *queue) take() batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := q.next
	q.next, q.spare = batch{spans: q.spare[:0]}, nil
	select {
	case <-q.full:
	default:
	}
	return b
}

// giveBack gives the memory of a batch back, for the next one but one.
func (q *queue) giveBack(b batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spare = b.spans
}

// size returns how many bytes wait.
func (q *queue) size() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.next.spans)
}
