package store

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	publishWindow  = 1024 // publishes under way in the store
	publishTimeout = 10 * time.Second

	// What may wait in front of the store; the reader of a link must not wait.
	maxWaiting      = 8192
	maxWaitingBytes = 64 << 20
)

// Errors of Publish.
var (
	// ErrFull means that the bounds of the store, or of what waits in front of
	// it, are reached.
	ErrFull = errors.New("the queue is full")
	// ErrClosed means that the store is closing.
	ErrClosed = errors.New("the store is closed")
)

// Publish stores an event. It does not wait: done is called once, on another
// goroutine, with nil when the event is in the store. Events are stored in
// the order of the calls. An event whose done got an error is not in the
// queue, or (after a timeout) perhaps; it is not tried again here, because
// later events of its conversation may be stored already.
//
// Killed between Publish and done: the event is lost, as if it had still been
// in the socket; XEP-0114 has no acknowledgements.
func (s *Store) Publish(r Record, done func(error)) {
	if err := s.pub.add(waiting{r, done}); err != nil {
		done(err)
	}
}

type waiting struct {
	Record
	done func(error)
}

type underway struct {
	future jetstream.PubAckFuture
	done   func(error)
}

// publisher publishes in order from one goroutine, and hands out the results
// in order from another.
type publisher struct {
	js jetstream.JetStream

	mu     sync.Mutex
	queue  []waiting
	bytes  int
	closed bool
	wake   chan struct{}

	results chan underway
	wg      sync.WaitGroup
}

func newPublisher(js jetstream.JetStream) *publisher {
	p := &publisher{js: js, wake: make(chan struct{}, 1), results: make(chan underway, publishWindow)}
	p.wg.Add(2)
	go p.publish()
	go p.settle()
	return p
}

func (p *publisher) add(w waiting) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return ErrClosed
	case len(p.queue) >= maxWaiting || p.bytes+len(w.Stanza) > maxWaitingBytes:
		return ErrFull
	}
	p.queue = append(p.queue, w)
	p.bytes += len(w.Stanza)
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return nil
}

func (p *publisher) publish() {
	defer p.wg.Done()
	defer close(p.results)
	for range p.wake {
		p.mu.Lock()
		batch, closed := p.queue, p.closed
		p.queue, p.bytes = nil, 0
		p.mu.Unlock()
		for _, w := range batch {
			f, err := p.js.PublishMsgAsync(w.message(), jetstream.WithExpectStream(eventStream), jetstream.WithStallWait(publishTimeout))
			if err != nil {
				w.done(publishError(err))
				continue
			}
			p.results <- underway{f, w.done}
		}
		if closed {
			return
		}
	}
}

func (p *publisher) settle() {
	defer p.wg.Done()
	for u := range p.results {
		select {
		case <-u.future.Ok():
			u.done(nil)
		case err := <-u.future.Err():
			u.done(publishError(err))
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
}

// publishError tells a bound that was reached from a store that is broken.
func publishError(err error) error {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode {
		case 10077, // stream limits, of all or of one conversation
			10023, // the account's storage
			10047: // no storage left
			return fmt.Errorf("%w: %s", ErrFull, api.Description)
		}
	}
	return fmt.Errorf("store an event: %w", err)
}
