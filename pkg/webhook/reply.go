package webhook

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"stanzahook/pkg/document"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
)

// replier makes the replies of one event.
type replier struct {
	e      *Endpoint
	ev     *Event
	fill   func(r *replier, h stanza.Header) stanza.Header // completes the header of a reply
	silent stanza.Kind                                     // of JSON that does not say its kind
	n      int                                             // replies so far
	note   *Note                                           // of the answer
	origin bool                                            // messages get their ids as origin-ids, too (XEP-0359)
}

// one returns a reply as a list; nil is none.
func one(s *stanza.Stanza, err error) ([]*stanza.Stanza, error) {
	if err != nil || s == nil {
		return nil, err
	}
	return []*stanza.Stanza{s}, nil
}

// text makes a reply with a body.
func (r *replier) text(body string, h stanza.Header) (*stanza.Stanza, error) {
	h = r.fill(r, h)
	if r.origin && h.Kind == stanza.Message && h.Type != "error" {
		return r.whole(stanza.BuildMessage(h, body, r.e.Limits))
	}
	s, err := stanza.BuildText(h, "body", body, r.e.Limits)
	return r.whole(s, err)
}

// build makes a reply of a header and the XML of its content.
func (r *replier) build(h stanza.Header, inner string) (*stanza.Stanza, error) {
	s, err := stanza.Build(r.fill(r, h), inner, r.e.Limits)
	return r.whole(s, err)
}

// xml makes a reply of a whole stanza.
func (r *replier) xml(text string) (*stanza.Stanza, error) {
	s, err := stanza.ParseDocument(strings.TrimSpace(text), r.e.Limits)
	if err != nil {
		return nil, err
	}
	h := s.Header
	if _, has := s.Child("", "error"); has {
		h.Type = r.erroneous(h.Type)
	}
	return r.whole(s.With(r.fill(r, h), r.e.Limits))
}

// embedded makes a reply of a whole stanza in JSON or a form.
func (r *replier) embedded(text string) (*stanza.Stanza, error) {
	text, err := document.XMLText(text)
	if err != nil {
		return nil, err
	}
	clean, n := document.Clean([]byte(text), document.XML)
	r.note.Replaced += n
	return r.xml(string(clean))
}

// cleaned returns a text without characters that no stanza can carry.
func (r *replier) cleaned(text string) string {
	text, n := document.CleanString(text)
	r.note.Replaced += n
	return text
}

// whole gives an error stanza the <error/> it must have (RFC 6120 section
// 8.3.1), a message its origin-id, and checks the reply.
func (r *replier) whole(s *stanza.Stanza, err error) (*stanza.Stanza, error) {
	if err == nil && s.Type == "error" {
		if _, has := s.Child("", "error"); !has {
			e := stanza.Error{Type: stanza.Cancel, Condition: stanza.UndefinedCondition}
			s, err = s.Append(e.XML(), r.e.Limits)
		}
	}
	if err == nil && r.origin && s.Kind == stanza.Message && s.Type != "error" {
		if _, has := s.Child("urn:xmpp:sid:0", "origin-id"); !has {
			s, err = s.Append(message.Origin(s.ID, ""), r.e.Limits)
		}
	}
	if err == nil {
		err = checkReply(r.ev, s)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// back returns h with the addresses of the event swapped; in a room everybody gets
// the reply (XEP-0045 section 7.4).
func (r *replier) back(h stanza.Header) stanza.Header {
	swapped := r.ev.Stanza.Reply()
	h.From, h.To = swapped.From, swapped.To
	if h.Kind == stanza.Message && h.Type == "groupchat" {
		h.To = h.To.Bare()
	}
	return h
}

// named returns h with an id. An id that the answer does not give is the same when the
// event is delivered again; errors and the answer to an IQ have the id of the stanza that
// they answer (RFC 6120 sections 8.1.3 and 8.2.3).
func (r *replier) named(h stanza.Header) stanza.Header {
	r.n++
	orig := r.ev.Stanza
	switch {
	case h.Kind == stanza.IQ && orig.Kind == stanza.IQ:
		h.ID, h.EmptyID = orig.ID, orig.EmptyID
	case h.ID != "":
	case h.Type == "error" && h.Kind == orig.Kind && orig.ID != "":
		h.ID = orig.ID
	default:
		h.ID = r.ev.ID + "-" + strconv.Itoa(r.n)
	}
	return h
}

// typed returns h with the type that the answer to an IQ must have, and without one
// that only JSON has.
func (r *replier) typed(h stanza.Header) stanza.Header {
	switch {
	case h.Kind == stanza.IQ && r.ev.Stanza.Kind == stanza.IQ && h.Type != "error":
		h.Type = "result"
	case h.Kind == stanza.Presence && h.Type == "available":
		h.Type = ""
	}
	return h
}

// checkReply refuses replies that no endpoint may send.
func checkReply(ev *Event, s *stanza.Stanza) error {
	switch {
	case (gateway.Caller{}).MayContain(s) != nil: // an endpoint has no scopes
		return errors.New("the reply uses the component's privileges (urn:xmpp:privilege, urn:xmpp:delegation or a roster), which endpoints may not")
	case !gateway.InDomain(s.From, ev.Component):
		return fmt.Errorf("from: %q is not in the component's domain %s", s.From, ev.Component)
	case s.To.IsZero():
		return errors.New("to: missing")
	case s.Kind == stanza.IQ && ev.Stanza.Kind != stanza.IQ:
		return errors.New("kind: an iq cannot answer a " + ev.Stanza.Kind.String())
	case s.Kind != stanza.IQ && ev.Stanza.Kind == stanza.IQ:
		return errors.New("kind: an iq is answered by an iq")
	}
	return nil
}
