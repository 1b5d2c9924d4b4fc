package component

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
)

// writeTimeout is how long one write may take before the connection is given up.
const writeTimeout = 30 * time.Second

// serve runs one connection: this goroutine reads, another writes. It returns
// when both have ended, with the reason.
func (l *Link) serve(ctx context.Context, conn net.Conn, r *stanza.Reader, p *stanza.Parser) error {
	var (
		began   = time.Now()
		heard   atomic.Int64 // the last element was read so long after began; the wall clock may be set meanwhile
		wg      sync.WaitGroup
		once    sync.Once
		reason  error
		writing = make(chan struct{})
	)
	alive, dead := context.WithCancel(ctx)
	// end stops the connection; the first reason counts. What the server said
	// before it closed can still be read, for a moment.
	end := func(err error) {
		once.Do(func() {
			reason = err
			dead()
			close(writing)
			_ = conn.SetReadDeadline(time.Now().Add(lastWords))
		})
	}
	defer context.AfterFunc(ctx, func() { end(ctx.Err()) })()
	l.out.connected(func() { end(gateway.ErrBusy) })
	l.up()
	wg.Go(func() {
		if err := l.write(conn, writing, began, &heard); err != nil {
			end(err)
		}
		// A clean end of our own: say goodbye, and read on until the server has
		// said it too. What it had written before that is taken, not lost.
		if ctx.Err() != nil {
			_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = conn.Write([]byte("</stream:stream>"))
		}
	})
	if l.o.OnUp != nil {
		wg.Go(func() { l.o.OnUp(alive) })
	}
	err := l.readAll(r, p, began, &heard)
	end(err)
	if ctx.Err() == nil {
		_ = conn.Close() // the writer may be in the middle of something
	} else {
		_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
	}
	wg.Wait()
	if said := (*StreamError)(nil); errors.As(err, &said) {
		return err
	}
	return reason
}

// lastWords is how long to go on reading when a connection is over: after a
// write that failed, because the server's stream error says why; after our own
// goodbye, because what the server had written before its own is still to come.
const lastWords = time.Second

// readAll reads until the stream ends, and returns why.
func (l *Link) readAll(r *stanza.Reader, p *stanza.Parser, began time.Time, heard *atomic.Int64) error {
	for {
		element, err := r.Next()
		heard.Store(int64(time.Since(began)))
		var large *stanza.TooLarge
		switch {
		case errors.As(err, &large):
			l.tooLarge(large, p)
			continue
		case err == nil:
			err = l.read(string(element), p)
		}
		if err != nil {
			return err
		}
	}
}

// read takes one top-level element. Only a stream error ends the connection.
func (l *Link) read(raw string, p *stanza.Parser) error {
	s, err := p.Parse(raw)
	var other *stanza.NotStanza
	switch {
	case errors.As(err, &other):
		if e := streamError(raw, p); e != nil {
			e.established = true
			return e
		}
		l.Counters.Unknown.Add(1)
		l.repeats.Warn(l.log, "the server sent an element that is no stanza; ignored", zap.String("name", other.Local), zap.String("namespace", other.Space))
		return nil
	case err != nil:
		l.Counters.Malformed.Add(1)
		l.repeats.Warn(l.log, "the server sent a stanza that cannot be taken", zap.Error(err))
		l.refuse(startTag(raw), p, &stanza.Error{Type: stanza.Modify, Condition: stanza.NotAcceptable, Text: err.Error()})
		return nil
	}
	l.dispatch(s)
	return nil
}

// dispatch hands a stanza to who it is for.
func (l *Link) dispatch(s *stanza.Stanza) {
	if ours, astray := l.out.marked(s, &l.Counters); ours {
		if astray {
			l.markerAstray()
		} else {
			l.markerBack()
		}
		return
	}
	if foreignMarker(s) {
		// One that a process before us left behind is no sign of company.
		if l.upFor() > steady {
			l.markerAstray()
		}
		return
	}
	l.Counters.In[s.Kind].Add(1)
	if l.log.Core().Enabled(zap.DebugLevel) {
		l.log.Debug("a stanza came", zap.Stringer("kind", s.Kind), zap.String("type", s.Type), zap.String("stanza_id", s.ID))
	}
	if s.Kind != stanza.Message && !s.TypeKnown() {
		in := &Incoming{Stanza: s, link: l}
		in.refuseType()
		return
	}
	if s.Kind == stanza.IQ && !s.NeedsAnswer() {
		if !l.tracker.resolve(pendingKey{s.From, s.ID}, answered{stanza: s}) {
			l.Counters.Stray.Add(1)
		}
		return
	}
	in := &Incoming{Stanza: s, link: l}
	defer func() {
		if p := recover(); p != nil { // one stanza must not take the others down
			l.repeats.Error(l.log, "a handler panicked", zap.String("stanza_id", s.ID), zap.Any("panic", p), zap.Stack("stack"))
			in.Fail(&stanza.Error{Type: stanza.Wait, Condition: stanza.InternalServerError})
		}
	}()
	if l.o.Handler.Handle(in) || in.Answered() {
		if s.NeedsAnswer() && !in.held && !in.Answered() {
			l.repeats.Error(l.log, "a handler took an IQ and did not answer it", zap.String("stanza_id", s.ID))
			in.Fail(&stanza.Error{Type: stanza.Cancel, Condition: stanza.ServiceUnavailable})
		}
		return
	}
	l.Counters.Untaken.Add(1)
	in.Fail(&stanza.Error{Type: stanza.Cancel, Condition: stanza.ServiceUnavailable})
}

// refuseType answers an IQ with no or a wrong type (RFC 6120 section 8.2.3), and
// presence with a wrong one (RFC 6121 section 4.7.1).
func (in *Incoming) refuseType() {
	e := &stanza.Error{Type: stanza.Modify, Condition: stanza.BadRequest, Text: fmt.Sprintf("an iq has type get, set, result or error, not %q", in.Type)}
	if in.Kind == stanza.Presence {
		e.Text = fmt.Sprintf("%q is no type of presence", in.Type)
	}
	if r, err := in.ErrorReply(e, in.link.o.Limits); err == nil {
		in.Answer(r)
	}
}

// tooLarge answers a stanza that was skipped.
func (l *Link) tooLarge(e *stanza.TooLarge, p *stanza.Parser) {
	l.Counters.TooLarge.Add(1)
	l.repeats.Warn(l.log, "the server sent a stanza over max_stanza_bytes; it was skipped", zap.Int("bytes", e.Size))
	why := &stanza.Error{Type: stanza.Modify, Condition: stanza.NotAcceptable,
		Text: fmt.Sprintf("the stanza has %d bytes; %d are allowed (components[].max_stanza_bytes)", e.Size, l.o.Limits.Max())}
	l.refuse(e.Head, p, why)
}

// unreadable ends a request whose answer cannot be taken: with an error answer of
// our own, which says so (RFC 6120 section 8.3.1).
func (l *Link) unreadable(h stanza.Header, why *stanza.Error) {
	h.Type, why.By = "error", l.o.Domain.String()
	s, err := stanza.Build(h, why.XML(), stanza.Limits{})
	if err != nil || !l.tracker.resolve(pendingKey{h.From, h.ID}, answered{stanza: s}) {
		l.Counters.Stray.Add(1)
	}
}

// refuse answers a stanza of which only the start tag is known.
func (l *Link) refuse(head string, p *stanza.Parser, e *stanza.Error) {
	s, err := p.Parse(head)
	if err != nil {
		return // not even that: nobody to answer
	}
	if s.Kind == stanza.IQ && (s.Type == "result" || s.Type == "error") {
		l.unreadable(s.Header, e)
		return
	}
	in := &Incoming{Stanza: s, link: l}
	in.Fail(e)
}

// startTag returns the start tag of an element, closed.
func startTag(raw string) string {
	var quote byte
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '>':
			return strings.TrimSuffix(raw[:i], "/") + "/>"
		}
	}
	return ""
}
