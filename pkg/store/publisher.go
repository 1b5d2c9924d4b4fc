package store

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	publishWindow  = 1024 // publishes under way in the store, a power of two
	publishTimeout = 10 * time.Second

	// What may wait in front of the store; the reader of a link must not wait.
	maxWaiting      = 8192
	maxWaitingBytes = 64 << 20
)

// Errors of Append.
var (
	// ErrFull means that the bounds of the store, or of what waits in front of
	// it, are reached, or that the disk is full.
	ErrFull = errors.New("the queue is full")
	// ErrClosed means that the store is closing.
	ErrClosed = errors.New("the store is closed")
)

type waiting struct {
	q       *Queue
	subject string
	data    []byte
	owed    owed
	done    func(seq uint64, err error)
}

// publisher publishes in order, from one goroutine; the engine's window hands
// out the results, in order too.
type publisher struct {
	s *Store

	mu     sync.Mutex
	queue  []waiting
	bytes  int
	closed bool
	wake   chan struct{}

	wg sync.WaitGroup
}

func newPublisher(s *Store) *publisher {
	p := &publisher{s: s, wake: make(chan struct{}, 1)}
	p.wg.Go(p.publish)
	return p
}

func (p *publisher) add(w waiting) error {
	if err := p.s.refuses(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return ErrClosed
	case len(p.queue) >= maxWaiting || p.bytes+len(w.data) > maxWaitingBytes:
		return fmt.Errorf("%w: too much waits to be stored", ErrFull)
	}
	p.queue = append(p.queue, w)
	p.bytes += len(w.data)
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return nil
}

func (p *publisher) publish() {
	var spare []waiting // the memory of the batch before
	for range p.wake {
		p.mu.Lock()
		batch, closed := p.queue, p.closed
		p.queue, p.bytes = spare[:0], 0
		p.mu.Unlock()
		for _, w := range batch {
			p.s.eng.Load().publish(w)
		}
		clear(batch)
		if spare = batch; cap(spare) > publishWindow {
			spare = nil // do not keep the memory of one burst
		}
		if closed {
			return
		}
	}
}

// errBroken is what happens to a publish when the disk does.
var errBroken = fmt.Errorf("%w: the disk is full, or cannot be written", ErrFull)

// failure tells a bound that was reached from a store that is broken: a publish
// that gets no answer at all means that its stream cannot write.
func (e *engine) failure(err error) error {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode {
		case 10077, // stream limits, of all or of one conversation
			10023, // the account's storage
			10047: // no storage left
			return fmt.Errorf("%w: %s", ErrFull, api.Description)
		}
		return fmt.Errorf("store an event: %w", err)
	}
	e.fail()
	return errBroken
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
	p.s.eng.Load().window.wait()
}
