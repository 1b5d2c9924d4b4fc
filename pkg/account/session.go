package account

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// writeTimeout is how long one write may take before the session is given up.
const writeTimeout = 10 * time.Second

// idPrefix begins the ids of our pings.
const idPrefix = "stanzahook-"

// Session is an account's stream, ready to send. Its methods may be called from
// several goroutines. When the stream ends the session has; it does not
// reconnect.
//
// Killed at any point: what Send has returned nil for is the server's, the rest
// may be or not.
type Session struct {
	stream  *stream
	account jid.JID
	confirm time.Duration
	bounced func(*stanza.Stanza)
	parser  *stanza.Parser
	acks    bool // XEP-0198 is on
	wg      sync.WaitGroup
	ended   chan struct{}

	writing sync.Mutex // held while writing, so that the order of waiters is that of the stream
	count   uint32     // stanzas written since <enabled/>; under writing
	pings   uint64     // under writing

	mu      sync.Mutex
	waiters []*waiter // in the order of the stream
	err     error     // why it has ended
	wrote   time.Time // last

	handled uint32 // stanzas read since <enabled/>; the reader's
}

// waiter is a message that was written and is not confirmed.
type waiter struct {
	ping  uint64 // the ping behind it, or
	count uint32 // its number on the stream
	done  chan error
}

// Send writes a message and waits until the server has it. Calls one after the
// other keep their order. Errors: ErrClosed, ErrUnconfirmed (also when ctx ends
// first), ErrRejected.
func (s *Session) Send(ctx context.Context, m *stanza.Stanza) error {
	w := &waiter{done: make(chan error, 1)}
	if err := s.write(m, w); err != nil {
		return err
	}
	late := time.NewTimer(s.confirm)
	defer late.Stop()
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnconfirmed, context.Cause(ctx))
	case <-late.C:
		s.end(errors.New("the server is silent"))
		return ErrUnconfirmed
	}
}

// write writes a message and what asks for its confirmation.
func (s *Session) write(m *stanza.Stanza, w *waiter) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.count++
	s.pings++
	w.count, w.ping = s.count, s.pings
	s.mu.Lock()
	if err := s.err; err != nil {
		s.mu.Unlock()
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	s.waiters = append(s.waiters, w)
	s.mu.Unlock()
	if err := s.put(m.XML() + s.confirmation(idPrefix+strconv.FormatUint(w.ping, 10))); err != nil {
		s.end(err) // which tells the waiter
	}
	return nil
}

// put writes. It is called with s.writing held.
func (s *Session) put(text string) error {
	_ = s.stream.conn.SetWriteDeadline(time.Now().Add(writeTimeout)) // of a closed connection, which the write tells
	_, err := io.WriteString(s.stream.conn, text)
	s.mu.Lock()
	s.wrote = time.Now()
	s.mu.Unlock()
	return err
}

// confirmed ends the waiting of those that are done; they are the first ones.
func (s *Session) confirmed(done func(*waiter) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for n < len(s.waiters) && done(s.waiters[n]) {
		s.waiters[n].done <- nil
		n++
	}
	s.waiters = append(s.waiters[:0], s.waiters[n:]...)
}

// end closes the connection; the first reason counts.
func (s *Session) end(reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	s.err = reason
	outcome := fmt.Errorf("%w: %w", ErrUnconfirmed, reason)
	var said *streamError
	if errors.As(reason, &said) && said.aboutXML() && len(s.waiters) == 1 {
		outcome = fmt.Errorf("%w: %w", ErrRejected, reason)
	}
	close(s.ended) // first: who is told then may look at it
	for _, w := range s.waiters {
		w.done <- outcome
	}
	s.waiters = nil
	_ = s.stream.conn.Close() // whatever else was to be said about it is in reason
}

// Ended is closed when the session has ended.
func (s *Session) Ended() <-chan struct{} { return s.ended }

// Close says goodbye to the server. What is not confirmed stays so.
func (s *Session) Close() {
	s.writing.Lock()
	_ = s.stream.conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = io.WriteString(s.stream.conn, "</stream:stream>") // it may be gone already
	s.writing.Unlock()
	s.end(errors.New("closed"))
	s.wg.Wait()
}

// keepAlive writes a space when nothing else was written for a while (RFC 6120
// section 4.6.1), so that no firewall on the way forgets the connection.
func (s *Session) keepAlive(every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-s.ended:
			return
		case <-t.C:
		}
		s.mu.Lock()
		idle := time.Since(s.wrote) >= every
		s.mu.Unlock()
		if !idle {
			continue
		}
		s.writing.Lock()
		err := s.put(" ")
		s.writing.Unlock()
		if err != nil {
			s.end(err)
		}
	}
}
