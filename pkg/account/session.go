package account

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// writeTimeout is how long one write may take before the session ends.
const writeTimeout = 10 * time.Second

// idPrefix begins the ids of the session's pings.
const idPrefix = "stanzahook-"

// Session is an account's stream, ready to send. Several goroutines may call its
// methods. The session ends with its stream; it does not reconnect.
//
// Killed at any point: the server has every message for which Send returned nil;
// it may or may not have the others.
type Session struct {
	stream  *stream
	account jid.JID
	confirm time.Duration
	bounced func(*stanza.Stanza)
	acks    bool // XEP-0198 is on
	wg      sync.WaitGroup
	ended   chan struct{}

	writing sync.Mutex // held while writing: the waiters are in the order of the stream
	count   uint32     // stanzas written since <enabled/>; under writing
	pings   uint64     // under writing

	mu      sync.Mutex
	waiters []*waiter // in the order of the stream
	err     error     // why the session ended
	wrote   time.Time // the last write

	handled uint32 // stanzas read since <enabled/>; used by read only
}

// waiter is a written message that is not confirmed.
type waiter struct {
	ping  uint64 // the number of the ping after it, or
	count uint32 // its own number on the stream
	done  chan error
}

// Send writes a message and waits until the server has it. Successive calls keep
// their order. Errors: gateway.ErrDown, gateway.ErrUnconfirmed (also when ctx ends first),
// gateway.ErrRejected.
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
		return fmt.Errorf("%w: %w", gateway.ErrUnconfirmed, context.Cause(ctx))
	case <-late.C:
		s.end(errors.New("the server did not answer"))
		return gateway.ErrUnconfirmed
	}
}

// write writes a message and the request to confirm it.
func (s *Session) write(m *stanza.Stanza, w *waiter) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.count++
	s.pings++
	w.count, w.ping = s.count, s.pings
	s.mu.Lock()
	if err := s.err; err != nil {
		s.mu.Unlock()
		return fmt.Errorf("%w: the session has ended: %w", gateway.ErrDown, err)
	}
	s.waiters = append(s.waiters, w)
	s.mu.Unlock()
	if err := s.put(m.XML() + s.confirmation(idPrefix+strconv.FormatUint(w.ping, 10))); err != nil {
		s.end(err) // which ends the wait
	}
	return nil
}

// put writes text. s.writing is held.
func (s *Session) put(text string) error {
	_ = s.stream.conn.SetWriteDeadline(time.Now().Add(writeTimeout)) // an error means a closed connection; the write reports it
	_, err := io.WriteString(s.stream.conn, text)
	s.mu.Lock()
	s.wrote = time.Now()
	s.mu.Unlock()
	return err
}

// confirmed ends the wait of the first waiters, those for which done returns true.
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

// end closes the connection. The first reason counts.
func (s *Session) end(reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	s.err = reason
	outcome := fmt.Errorf("%w: %w", gateway.ErrUnconfirmed, reason)
	var said *streamError
	if errors.As(reason, &said) && said.aboutXML() && len(s.waiters) == 1 {
		outcome = fmt.Errorf("%w: %w", gateway.ErrRejected, reason)
	}
	close(s.ended) // before the waiters look at it
	for _, w := range s.waiters {
		w.done <- outcome
	}
	s.waiters = nil
	_ = s.stream.conn.Close() // reason has the cause
}

// Ended is closed when the session has ended.
func (s *Session) Ended() <-chan struct{} { return s.ended }

// Close closes the stream. Unconfirmed messages stay unconfirmed.
func (s *Session) Close() {
	s.writing.Lock()
	_ = s.stream.conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = io.WriteString(s.stream.conn, "</stream:stream>") // it may be gone already
	s.writing.Unlock()
	s.end(errors.New("closed"))
	s.wg.Wait()
}

// keepAlive writes a space when nothing else was written for a while (RFC 6120
// section 4.6.1), so that no firewall drops the idle connection.
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
