package account

import (
	"encoding/xml"
	"errors"
	"strconv"
	"strings"

	"stanzahook/pkg/stanza"
)

// read takes what the server sends, until the stream ends.
func (s *Session) read() {
	for {
		raw, err := s.stream.r.Next()
		var large *stanza.TooLarge
		switch {
		case errors.As(err, &large): // a stanza all the same; nobody here wants it
			s.handled++
			continue
		case err == nil:
			err = s.take(raw)
		}
		if err != nil {
			s.end(err)
			return
		}
	}
}

// take takes one element of the stream.
func (s *Session) take(raw []byte) error {
	in, err := s.parser.Parse(string(raw))
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

// ponged takes the answer to a ping of ours; an error answers it as well. It
// must come from the server: anybody could send one.
func (s *Session) ponged(in *stanza.Stanza) {
	if from := in.From; !from.IsZero() && from.String() != s.stream.host && from != s.account {
		return
	}
	number, ok := strings.CutPrefix(in.ID, idPrefix)
	if n, err := strconv.ParseUint(number, 10, 64); ok && err == nil && !s.acks {
		s.confirmed(func(w *waiter) bool { return w.ping <= n })
	}
}

// control takes what is not a stanza: XEP-0198 and stream errors.
func (s *Session) control(raw []byte) error {
	var e element
	if err := xml.Unmarshal(raw, &e); err != nil {
		return err
	}
	switch {
	case e.XMLName.Local == "error":
		return e.streamError()
	case e.XMLName.Space != nsSM || !s.acks:
	case e.XMLName.Local == "a":
		// both numbers begin anew at 2^32 (XEP-0198 section 4)
		s.confirmed(func(w *waiter) bool { return int32(e.Handled-w.count) >= 0 })
	case e.XMLName.Local == "r":
		return s.reply("<a xmlns='"+nsSM+"' h='"+strconv.FormatUint(uint64(s.handled), 10)+"'/>", 0)
	}
	return nil
}

// answer answers an IQ: pings, since the server may see by them whether we
// live, and nothing else (RFC 6120 section 8.2.3).
func (s *Session) answer(in *stanza.Stanza) error {
	if p, ok := in.Payload(); ok && p.Space == nsPing && in.Type == "get" {
		out, err := in.Result("", stanza.Limits{})
		if err != nil {
			return nil // with addresses that cannot be answered
		}
		return s.reply(out.XML(), 1)
	}
	return s.refuse(in)
}

// refuse says that nobody reads here.
func (s *Session) refuse(in *stanza.Stanza) error {
	out, err := in.ErrorReply(&stanza.Error{Type: stanza.Cancel, Condition: stanza.ServiceUnavailable, Text: "this connection only sends; write to the address without its resource"}, stanza.Limits{})
	if err != nil {
		return nil // with addresses that cannot be answered
	}
	return s.reply(out.XML(), 1)
}

// reply writes an answer that is so many stanzas.
func (s *Session) reply(text string, stanzas uint32) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.count += stanzas
	return s.put(text)
}
