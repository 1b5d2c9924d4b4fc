package webhook

import (
	"encoding/json"
	"fmt"
	"strings"

	"stanzahook/pkg/stanza"
)

// maxReplies bounds the replies in one answer.
const maxReplies = 1000

// fillEvent lets a reply go back to the sender with the type of what it
// answers (RFC 6121 section 5.2.2).
func fillEvent(r *replier, h stanza.Header) stanza.Header {
	orig := r.ev.Stanza
	if h.Kind == 0 {
		h.Kind = defaultKind(orig)
	}
	if h.Kind == stanza.Message && h.Type == "" {
		h.Type = "chat"
		if orig.Kind == stanza.Message {
			h.Type = orig.Type
			if !orig.TypeKnown() {
				h.Type = "" // as which it counts
			}
		}
	}
	return r.named(r.back(r.typed(h)))
}

// defaultKind is the kind of a reply that does not say it: a presence is never
// sent unasked.
func defaultKind(orig *stanza.Stanza) stanza.Kind {
	if orig.Kind == stanza.IQ {
		return stanza.IQ
	}
	return stanza.Message
}

// eventJSON is one reply for an object or a string, several for an array; null,
// {}, "" and objects without content are none.
func (r *replier) eventJSON(body []byte) ([]*stanza.Stanza, error) {
	if body[0] != '[' {
		return r.one(r.threaded(r.value(body)))
	}
	var list []json.RawMessage
	if json.Unmarshal(body, &list) != nil {
		return nil, notObject(body)
	}
	if len(list) > maxReplies {
		return nil, fmt.Errorf("JSON: more than %d replies", maxReplies)
	}
	var replies []*stanza.Stanza
	for i, item := range list {
		s, err := r.threaded(r.value(item))
		if err != nil {
			return nil, fmt.Errorf("reply %d: %w", i+1, err)
		}
		if s != nil {
			replies = append(replies, s)
		}
	}
	return replies, nil
}

// value is the reply of one JSON value: a string is its text (web frameworks
// write it so when a handler returns one), and of true, false and numbers there
// is none.
func (r *replier) value(data []byte) (*stanza.Stanza, error) {
	if data[0] == '{' {
		return r.object(data)
	}
	switch kind := scalar(data); kind {
	case "":
		return r.object(data)
	case "string":
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return nil, fmt.Errorf("JSON: %w", err)
		}
		if text == "" {
			return nil, nil
		}
		return r.text(text, stanza.Header{Kind: stanza.Message})
	default:
		r.note.unread = fmt.Sprintf("answered a JSON %s; no reply is made of that: use a string, or an object such as {\"body\":\"text\"}", kind)
		return nil, nil
	}
}

// threaded puts the thread of the message that is answered into a message that
// has none of its own (RFC 6121 section 5.2.5).
func (r *replier) threaded(s *stanza.Stanza, err error) (*stanza.Stanza, error) {
	if err != nil || s == nil || s.Kind != stanza.Message {
		return s, err
	}
	c, ok := r.ev.Stanza.Child("", "thread")
	if _, own := s.Child("", "thread"); own || !ok {
		return s, nil
	}
	thread := r.ev.Stanza.ChildXML(c) // with its parent
	if !strings.HasPrefix(thread, "<thread") || strings.Contains(thread, "xmlns") {
		thread = stanza.Element("thread", r.ev.Stanza.ChildText(c))
	}
	return s.Append(thread, r.e.Limits)
}
