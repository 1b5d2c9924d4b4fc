package component

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/stanza"
)

// readAll reads until the stream ends, and returns why.
func (c *connection) readAll() error {
	for {
		element, err := c.r.Next()
		c.heard.Store(int64(time.Since(c.began)))
		var large *stanza.TooLarge
		switch {
		case errors.As(err, &large):
			c.tooLarge(large)
			continue
		case err == nil:
			err = c.read(string(element))
		}
		if err != nil {
			return err
		}
	}
}

// read handles one top-level element. Only a stream error ends the connection.
func (c *connection) read(raw string) error {
	l := c.l
	s, err := c.parser.Parse(raw)
	var other *stanza.NotStanza
	switch {
	case errors.As(err, &other):
		if e := streamError(raw, c.parser); e != nil {
			e.established = true
			return e
		}
		l.Counters.Unknown.Add(1)
		l.repeats.Warn(l.log, "element ignored", zap.String("reason", "it is no stanza"), zap.String("name", other.Local), zap.String("namespace", other.Space))
		return nil
	case err != nil:
		l.Counters.Malformed.Add(1)
		l.repeats.Warn(l.log, "malformed stanza refused", zap.Error(err))
		c.refuse(startTag(raw), &stanza.Error{Type: stanza.Modify, Condition: stanza.NotAcceptable, Text: err.Error()})
		return nil
	}
	l.dispatch(s)
	return nil
}

// dispatch hands a stanza to the request, or the handler, that it is for.
func (l *Link) dispatch(s *stanza.Stanza) {
	if ours, astray := l.out.marked(s, &l.Counters); ours {
		switch {
		case !astray:
			l.state.markerBack()
		case l.state.age() > steady: // before, it may have gone to a connection of before, which ends
			l.state.markerAstray()
		}
		return
	}
	if foreignMarker(s) {
		if l.state.age() > steady { // before, an earlier process may have left it behind
			l.state.markerAstray()
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
		if p := recover(); p != nil { // one stanza must not end the others
			l.repeats.Error(l.log, "handler panicked", zap.String("stanza_id", s.ID), zap.Any("panic", p), zap.Stack("stack"))
			in.Fail(&stanza.Error{Type: stanza.Wait, Condition: stanza.InternalServerError})
		}
	}()
	if l.o.Handler.Handle(in) || in.Answered() {
		if s.NeedsAnswer() && !in.held && !in.Answered() {
			l.repeats.Error(l.log, "IQ not answered by its handler", zap.String("stanza_id", s.ID))
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

// unreadable ends a request whose answer cannot be read: with an error answer of
// our own, which says so (RFC 6120 section 8.3.1).
func (l *Link) unreadable(h stanza.Header, why *stanza.Error) {
	h.Type, why.By = "error", l.o.Domain.String()
	s, err := stanza.Build(h, why.XML(), stanza.Limits{})
	if err != nil || !l.tracker.resolve(pendingKey{h.From, h.ID}, answered{stanza: s}) {
		l.Counters.Stray.Add(1)
	}
}

// refuse answers a stanza of which only the start tag is known.
func (c *connection) refuse(head string, e *stanza.Error) {
	s, err := c.parser.Parse(head)
	if err != nil {
		return // not even the start tag can be read: there is no address to answer
	}
	if s.Kind == stanza.IQ && (s.Type == "result" || s.Type == "error") {
		c.l.unreadable(s.Header, e)
		return
	}
	in := &Incoming{Stanza: s, link: c.l}
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
