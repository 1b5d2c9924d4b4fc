package component

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
)

// Send queues a stanza; it does not wait. From must be in the component's
// domain and to present. done, which may be nil, is called once, on a goroutine
// of the link, so it must not wait: with nil when the server has accepted the
// stanza, with gateway.ErrDown when an IQ's connection is lost. Messages and presence
// stay queued over reconnects, in order, with the same id.
// Errors: gateway.ErrBusy over the bound, and after Stay; gateway.ErrDown for an IQ without a connection, or while
// Options.May says no.
func (l *Link) Send(s *stanza.Stanza, done func(error)) error {
	return l.send(s, done, s.Kind != stanza.IQ, false)
}

// SendOnce is Send for a stanza that must not go out on a later connection by itself, such as
// the presence that joins a room, and what is said there: it is dropped with the connection, as
// IQs are, and done has gateway.ErrDown, or gateway.ErrRejected if the server has ended the
// stream over it. With more it may wait for others, see SendWithMore. Errors: those of Send,
// and gateway.ErrDown without a connection.
func (l *Link) SendOnce(s *stanza.Stanza, more bool, done func(error)) error {
	return l.send(s, done, false, more)
}

// SendWithMore is Send for a stanza that others will follow soon: it may wait for a
// millisecond, to be written with them. A stanza that is sent by Send meanwhile is
// written with it at once.
func (l *Link) SendWithMore(s *stanza.Stanza, done func(error)) error {
	return l.send(s, done, s.Kind != stanza.IQ, true)
}

func (l *Link) send(s *stanza.Stanza, done func(error), keep, more bool) error {
	if err := l.Check(s); err != nil {
		return err
	}
	return l.out.add(&item{xml: s.XML(), kind: s.Kind, keep: keep, more: more, last: l.isLast(s), owed: isOwed(s), done: done}, softBytes)
}

// isOwed reports whether a stanza answers one that came over this link, and whose sender waits for it: an error, or the
// result of an IQ.
func isOwed(s *stanza.Stanza) bool {
	return s.Type == "error" || s.Kind == stanza.IQ && s.Type == "result"
}

// isLast reports whether a stanza is an error that somebody waits for when there is to be no other connection.
func (l *Link) isLast(s *stanza.Stanza) bool {
	return s.Type == "error" && s.Kind != stanza.IQ && l.last.Load()
}

// Check reports why a stanza must not be sent over this link, as the server would close
// the stream: a from outside of the component's domain (both servers), a missing to
// (ejabberd), too many bytes.
func (l *Link) Check(s *stanza.Stanza) error {
	if !gateway.InDomain(s.From, l.o.Domain.Domain()) {
		return fmt.Errorf("from: %q is not in the component's domain %s", s.From, l.o.Domain)
	}
	if s.To.IsZero() {
		return errors.New("to: missing")
	}
	if foreignMarker(s) {
		return fmt.Errorf("to: resources that begin with %q are the link's own", markerPrefix)
	}
	if n, limit := len(s.XML()), l.o.Limits.Max(); n > limit {
		return fmt.Errorf("the stanza has %d bytes; max_stanza_bytes of %s allows %d", n, l.o.Domain, limit)
	}
	return nil
}

// Flush waits until everything sent so far is confirmed, or ctx is done.
func (l *Link) Flush(ctx context.Context) error {
	select {
	case <-l.out.whenIdle():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// RoundTrip sends a marker through the server and returns how long it took to
// come back. Errors: gateway.ErrBusy, gateway.ErrDown (no connection, or lost meanwhile), and
// ctx's.
func (l *Link) RoundTrip(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	back := make(chan error, 1)
	// Nothing is written for an empty item but the marker that confirms it.
	if err := l.out.add(&item{done: func(err error) { back <- err }}, softBytes); err != nil {
		return 0, err
	}
	select {
	case err := <-back:
		return time.Since(began), err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// answer sends the answer of a handler. It is not refused before the hard
// bound: the reader never waits.
func (l *Link) answer(s *stanza.Stanza) {
	if err := l.Check(s); err != nil {
		l.repeats.Error(l.log, "answer not sent", zap.Error(err))
		return
	}
	// gateway.ErrBusy closes the connection, gateway.ErrDown means that it is closed: the
	// server then answers in our place.
	_ = l.out.add(&item{xml: s.XML(), kind: s.Kind, keep: s.Kind != stanza.IQ, last: l.isLast(s), owed: isOwed(s)}, hardBytes)
}
