package account

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"stanzahook/pkg/stanza"
)

// read handles what the server sends, until the stream ends.
func (s *Session) read() {
	for {
		raw, err := s.stream.r.Next()
		var large *stanza.TooLarge
		switch {
		case errors.As(err, &large): // it counts as a stanza
			s.handled++
			continue
		case err == nil:
			err = s.handle(raw)
		}
		if err != nil {
			s.end(err)
			return
		}
	}
}

// handle handles one element of the stream.
func (s *Session) handle(raw []byte) error {
	in, err := s.stream.parser.Parse(string(raw))
	var other *stanza.NotStanza
	switch {
	case errors.As(err, &other):
		return s.control(raw)
	case err != nil: // a stanza that RFC 6120 section 11.1 forbids
		s.handled++
		return nil
	}
	s.handled++
	switch {
	case in.Kind == stanza.IQ && (in.Type == "result" || in.Type == "error"):
		s.ponged(in)
	case in.Kind == stanza.IQ && in.NeedsAnswer():
		return s.answer(in)
	case in.Kind == stanza.Message && in.Type == "error":
		s.bounced(in)
	case in.Kind == stanza.Message && in.MayBounce():
		return s.refuse(in)
	}
	return nil
}

// ponged handles the answer to a ping, which may be an error. It must come from
// the server, since anybody can send such a stanza.
func (s *Session) ponged(in *stanza.Stanza) {
	if from := in.From; !from.IsZero() && from.String() != s.stream.host && from != s.account {
		return
	}
	number, ok := strings.CutPrefix(in.ID, idPrefix)
	if n, err := strconv.ParseUint(number, 10, 64); ok && err == nil && !s.acks {
		s.confirmed(func(w *waiter) bool { return w.ping <= n })
	}
}

// control handles elements that are not stanzas: XEP-0198 and stream errors.
func (s *Session) control(raw []byte) error {
	e, err := s.stream.parser.Element(string(raw))
	if err != nil {
		return err
	}
	switch {
	case e.Local == "error":
		return newStreamError(e)
	case e.Space != nsSM || !s.acks:
	case e.Local == "a":
		text, _ := e.Attr("h")
		handled, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return fmt.Errorf("read <a/>: %w", err)
		}
		// both numbers wrap at 2^32 (XEP-0198 section 4)
		s.confirmed(func(w *waiter) bool { return int32(uint32(handled)-w.count) >= 0 })
	case e.Local == "r":
		return s.reply("<a xmlns='"+nsSM+"' h='"+strconv.FormatUint(uint64(s.handled), 10)+"'/>", 0)
	}
	return nil
}

// answer answers an IQ: a ping with a result, since the server may use it to check
// the connection, and others with an error (RFC 6120 section 8.2.3).
func (s *Session) answer(in *stanza.Stanza) error {
	if p, ok := in.Payload(); ok && p.Space == nsPing && in.Type == "get" {
		out, err := in.Result("", stanza.Limits{})
		if err != nil {
			return nil // its addresses cannot be answered
		}
		return s.reply(out.XML(), 1)
	}
	return s.refuse(in)
}

// refuse answers that nobody reads here.
func (s *Session) refuse(in *stanza.Stanza) error {
	out, err := in.ErrorReply(&stanza.Error{Type: stanza.Cancel, Condition: stanza.ServiceUnavailable, Text: "this connection only sends; write to the address without its resource"}, stanza.Limits{})
	if err != nil {
		return nil // its addresses cannot be answered
	}
	return s.reply(out.XML(), 1)
}

// reply writes an answer that consists of so many stanzas.
func (s *Session) reply(text string, stanzas uint32) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.count += stanzas
	return s.put(text)
}
