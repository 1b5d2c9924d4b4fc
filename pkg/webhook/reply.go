package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"stanzahook/pkg/restjson"
	"stanzahook/pkg/stanza"
)

// replier makes the replies of one event in format event. They always go back
// to the sender, from the address that was written to.
type replier struct {
	e  *Endpoint
	ev *Event
	n  int
}

func (r *replier) one(s *stanza.Stanza, err error) ([]*stanza.Stanza, error) {
	if err != nil || s == nil {
		return nil, err
	}
	return []*stanza.Stanza{s}, nil
}

// text is a reply with a body.
func (r *replier) text(body string) (*stanza.Stanza, error) {
	if at := stanza.CheckText(body); at >= 0 {
		return nil, fmt.Errorf("the text holds a character XML forbids, at byte %d", at)
	}
	return r.finish(stanza.Header{}, stanza.Element("body", body), false)
}

// json is one reply for an object, several for an array; null, {} and objects
// without content are none.
func (r *replier) json(body []byte) ([]*stanza.Stanza, error) {
	if body[0] != '[' {
		return r.one(r.object(body))
	}
	var list []json.RawMessage
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("JSON: %w", err)
	}
	var replies []*stanza.Stanza
	for i, item := range list {
		s, err := r.object(item)
		if err != nil {
			return nil, fmt.Errorf("reply %d: %w", i+1, err)
		}
		if s != nil {
			replies = append(replies, s)
		}
	}
	return replies, nil
}

func (r *replier) object(data []byte) (*stanza.Stanza, error) {
	if string(data) == "null" {
		return nil, nil
	}
	whole, f, err := decodeReply(data)
	if err != nil {
		return nil, err
	}
	if whole != "" {
		return r.xml(whole)
	}
	if f.Inner == "" && f.Kind == 0 {
		return nil, nil // nothing to say: {"ok":true}
	}
	return r.finish(f.Header, f.Inner, f.Has("thread"))
}

// decodeReply reads a JSON reply: the XML of its "stanza" if it has one, else
// its fields. Keys that are not in the mapping are passed over.
func decodeReply(data []byte) (whole string, f *restjson.Fields, err error) {
	f, err = restjson.Decode(data)
	if err != nil {
		return "", nil, fmt.Errorf("JSON: %w", err)
	}
	for _, key := range f.Unknown {
		if key != "stanza" {
			continue
		}
		var doc struct {
			Stanza string `json:"stanza"`
		}
		if err := json.NewDecoder(bytes.NewReader(data)).Decode(&doc); err != nil || doc.Stanza == "" {
			return "", nil, errors.New("stanza: a string with the XML of one stanza is expected")
		}
		return doc.Stanza, f, nil
	}
	return "", f, nil
}

// xml is a reply that is a whole stanza.
func (r *replier) xml(body string) (*stanza.Stanza, error) {
	s, err := stanza.Parse(strings.TrimSpace(body), r.e.Limits)
	if err != nil {
		return nil, err
	}
	_, thread := s.Text("thread")
	again, err := s.With(r.header(s.Header), r.e.Limits)
	if err != nil || thread {
		return r.checked(again, err)
	}
	return r.checked(r.withThread(again))
}

func (r *replier) finish(h stanza.Header, inner string, thread bool) (*stanza.Stanza, error) {
	s, err := stanza.Build(r.header(h), inner, r.e.Limits)
	if err != nil || thread {
		return r.checked(s, err)
	}
	return r.checked(r.withThread(s))
}

// header fills in what the answer left open: it goes back to the sender, with
// the type of what it answers and an id that is the same when the event is
// delivered again.
func (r *replier) header(h stanza.Header) stanza.Header {
	orig := r.ev.Stanza
	back := orig.Reply()
	h.From, h.To = back.From, back.To
	if h.Kind == 0 {
		h.Kind = stanza.Message
		if orig.Kind == stanza.IQ {
			h.Kind = stanza.IQ
		}
	}
	switch h.Kind {
	case stanza.IQ:
		if orig.Kind == stanza.IQ {
			h.ID = orig.ID
			if h.Type != "error" {
				h.Type = "result"
			}
		}
	case stanza.Message:
		if h.Type == "" {
			h.Type = "chat"
			if orig.Kind == stanza.Message {
				h.Type = orig.Type
			}
		}
		if h.Type == "groupchat" {
			h.To = h.To.Bare()
		}
	case stanza.Presence:
		if h.Type == "available" {
			h.Type = ""
		}
	}
	r.n++
	if h.ID == "" {
		h.ID = r.ev.ID + "-" + strconv.Itoa(r.n)
	}
	return h
}

// withThread puts the thread of the message that is answered into a message
// that has none of its own (RFC 6121 section 5.2.5).
func (r *replier) withThread(s *stanza.Stanza) (*stanza.Stanza, error) {
	thread, ok := r.ev.Stanza.Text("thread")
	if !ok || s.Kind != stanza.Message {
		return s, nil
	}
	return stanza.Build(s.Header, s.Inner()+stanza.Element("thread", thread), r.e.Limits)
}

func (r *replier) checked(s *stanza.Stanza, err error) (*stanza.Stanza, error) {
	if err != nil {
		return nil, err
	}
	return s, checkReply(r.ev, s)
}

// checkReply refuses what no endpoint may send.
func checkReply(ev *Event, s *stanza.Stanza) error {
	switch {
	case s.ClaimsPrivilege():
		return errors.New("the reply uses the component's privileges (urn:xmpp:privilege or urn:xmpp:delegation), which endpoints may not")
	case s.From.Domain() != ev.Component:
		return fmt.Errorf("from: %q is not in the component's domain %s", s.From, ev.Component)
	case s.To.IsZero():
		return errors.New("to: missing")
	case s.Kind == stanza.IQ && s.Type != "result" && s.Type != "error" && ev.Stanza.Kind == stanza.IQ:
		return fmt.Errorf("type: an iq is answered by result or error, not %q", s.Type)
	case s.Kind == stanza.IQ && ev.Stanza.Kind != stanza.IQ:
		return errors.New("kind: an iq cannot answer a " + ev.Stanza.Kind.String())
	case s.Kind != stanza.IQ && ev.Stanza.Kind == stanza.IQ:
		return errors.New("kind: an iq is answered by an iq")
	}
	return nil
}
