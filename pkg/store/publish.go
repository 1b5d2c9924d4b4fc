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
	done    func(seq uint64, err error)
}

type underway struct {
	waiting
	engine *engine
	future jetstream.PubAckFuture
}

// settle hands out the result of a publish. When one is refused because the
// disk has failed, all later ones are, whatever became of them: so what is
// stored and what is not is divided by one place in each queue, and what lies
// behind it is removed before the store takes anything again.
func (u *underway) settle() {
	if u.future == nil || u.engine.refused {
		u.refuse()
		return
	}
	select {
	case ack := <-u.future.Ok():
		u.stored(ack)
	case err := <-u.future.Err():
		if err = u.engine.failure(err); u.engine.broken.Load() {
			u.refuse()
			return
		}
		u.done(0, err)
	case <-u.engine.failed:
		select { // what was stored before it broke counts
		case ack := <-u.future.Ok():
			u.stored(ack)
		default:
			u.refuse()
		}
	}
}

func (u *underway) refuse() {
	u.engine.refused = true
	u.done(0, errBroken)
}

func (u *underway) stored(ack *jetstream.PubAck) {
	u.q.s.held.Add(int64(len(u.data)))
	u.q.stored(ack.Sequence)
	u.done(ack.Sequence, nil)
}

// publisher publishes in order from one goroutine, and hands out the results
// in order from another.
type publisher struct {
	s *Store

	mu     sync.Mutex
	queue  []waiting
	bytes  int
	closed bool
	wake   chan struct{}

	results chan underway
	wg      sync.WaitGroup
}

func newPublisher(s *Store) *publisher {
	p := &publisher{s: s, wake: make(chan struct{}, 1), results: make(chan underway, publishWindow)}
	p.wg.Add(2)
	go p.publish()
	go p.settle()
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
	defer p.wg.Done()
	defer close(p.results)
	for range p.wake {
		p.mu.Lock()
		batch, closed := p.queue, p.closed
		p.queue, p.bytes = nil, 0
		p.mu.Unlock()
		for _, w := range batch {
			e := p.s.eng.Load()
			u := underway{waiting: w, engine: e}
			e.flying.Add(1)
			if !e.broken.Load() {
				f, err := e.js.PublishAsync(w.subject, w.data, jetstream.WithStallWait(publishTimeout))
				if err != nil {
					p.s.log.Warn("an event could not be handed to the store: " + err.Error())
				}
				u.future = f
			}
			p.results <- u
		}
		if closed {
			return
		}
	}
}

func (p *publisher) settle() {
	defer p.wg.Done()
	for u := range p.results {
		u.settle()
		u.engine.flying.Done()
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
}
