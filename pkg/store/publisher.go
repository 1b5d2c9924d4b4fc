package store

import (
	"fmt"
	"sync"
	"sync/atomic"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/internal/stream"
)

// Bounds of the events that wait for the store; the reader of a link must not wait.
const (
	maxWaiting      = 8192
	maxWaitingBytes = 64 << 20
	maxSpare        = 1024 // of a batch whose memory is kept
)

// publisher appends events to their streams in order, from one goroutine; the results
// come in order too.
//
// Killed: events that wait here are lost, as if they had still been in the socket.
type publisher struct {
	srv  *stream.Server
	disk *disk

	mu     sync.Mutex
	queue  []stream.Append
	bytes  int
	closed bool
	wake   chan struct{}

	unpassed atomic.Int64 // bytes that wait here, with those of the batch that is passed on

	wg sync.WaitGroup
}

func newPublisher(srv *stream.Server, d *disk) *publisher {
	p := &publisher{srv: srv, disk: d, wake: make(chan struct{}, 1)}
	p.wg.Go(p.publish)
	return p
}

func (p *publisher) add(a *stream.Append) error {
	if p.disk.over() && p.disk.full.Load() == nil {
		p.disk.check() // a quick disk takes much until somebody looks
	}
	if err := p.disk.refuses(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return ErrClosed
	case len(p.queue) >= maxWaiting || p.bytes+len(a.Data) > maxWaitingBytes:
		return fmt.Errorf("%w: too much waits to be stored", gateway.ErrFull)
	}
	p.queue = append(p.queue, *a)
	p.bytes += len(a.Data)
	p.unpassed.Add(int64(len(a.Data) + recordBytes))
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return nil
}

func (p *publisher) publish() {
	var spare []stream.Append // the memory of the batch before
	for range p.wake {
		p.mu.Lock()
		batch, closed := p.queue, p.closed
		p.queue, p.bytes = spare[:0], 0
		p.mu.Unlock()
		for i := range batch {
			p.srv.Append(&batch[i])
			p.unpassed.Add(-int64(len(batch[i].Data) + recordBytes))
		}
		clear(batch)
		if spare = batch; cap(spare) > maxSpare {
			spare = nil // do not keep the memory of one burst
		}
		if closed {
			return
		}
	}
}

func (p *publisher) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
	p.wg.Wait()
	p.srv.Wait()
}

// waiting returns how many events wait here.
func (p *publisher) waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue)
}
