package webhook

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"stanzahook/pkg/restjson"
	"stanzahook/pkg/stanza"
)

// maxReplies bounds the replies in one answer.
const maxReplies = 1000

// fillEvent addresses a reply to the sender, with the type of the stanza that it
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
				h.Type = "" // normal
			}
		}
	}
	return r.named(r.back(r.typed(h)))
}

// defaultKind returns the kind of a reply that does not say it: never presence.
func defaultKind(orig *stanza.Stanza) stanza.Kind {
	if orig.Kind == stanza.IQ {
		return stanza.IQ
	}
	return stanza.Message
}

// eventJSON makes one reply of an object or a string, several of an array, and none of
// null, {}, "" and objects without content.
func (r *replier) eventJSON(body []byte) ([]*stanza.Stanza, error) {
	if body[0] != '[' {
		return r.several(body)
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
		some, err := r.several(item)
		if err != nil {
			return nil, fmt.Errorf("reply %d: %w", i+1, err)
		}
		if replies = append(replies, some...); len(replies) > maxReplies {
			return nil, fmt.Errorf("JSON: more than %d replies", maxReplies)
		}
	}
	return replies, nil
}

// value makes the reply of one JSON value: a string is its text (web frameworks
// encode a handler's string so), and true, false and numbers make none.
func (r *replier) value(data []byte) (*stanza.Stanza, error) {
	kind := ""
	if data[0] != '{' {
		kind = scalar(data)
	}
	switch kind {
	case "":
		return r.noted(data)
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
		r.note.NoReply = fmt.Sprintf("answered a JSON %s; no reply is made of that: use a string, or an object such as {\"body\":\"text\"}", kind)
		return nil, nil
	}
}

// noted makes the reply of an object, and notes the keys that are not known.
func (r *replier) noted(data []byte) (*stanza.Stanza, error) {
	if h, body, ok := simple(data); ok {
		return r.text(body, h)
	}
	var m members
	if json.Unmarshal(data, &m) != nil {
		return nil, notObject(data)
	}
	private, err := m.takePrivate()
	if err != nil {
		return nil, err
	}
	if private {
		return r.private(r.ofObject(m, nil))
	}
	return r.ofObject(m, data)
}

// ofObject makes the reply of the members of an object; data is the object, nil if they are
// others by now.
func (r *replier) ofObject(m members, data []byte) (*stanza.Stanza, error) {
	draft, err := m.draft()
	switch {
	case err != nil:
		return nil, err
	case draft != nil:
		return r.doing(draft, m)
	}
	if data == nil {
		if data, err = json.Marshal(m); err != nil {
			return nil, err
		}
	}
	unknown := m.unknown()
	s, err := r.ofMembers(m, data)
	switch {
	case err != nil || unknown == "":
	case s == nil:
		r.note.NoReply = fmt.Sprintf(keyless+" (%s); write {\"body\": \"…\"}", unknown)
	default:
		r.note.LeftOut = unknown
	}
	return s, err
}

// unknown returns the names of the keys that are not known, if they have more than
// numbers, true and false: {"ok":true} is common and harmless.
func (m members) unknown() string {
	var names []string
	says := false
	for key, v := range m {
		if restjson.Known(key) {
			continue
		}
		says = says || v[0] == '{' || v[0] == '[' || v[0] == '"' && len(v) > len(`""`)
		names = append(names, fmt.Sprintf("%.40s", key))
	}
	if !says {
		return ""
	}
	slices.Sort(names)
	if len(names) > 3 {
		names = append(names[:3], "…")
	}
	return strings.Join(names, ", ")
}

// threaded adds the thread of the answered message to a reply without one (RFC 6121
// section 5.2.5).
func (r *replier) threaded(s *stanza.Stanza, err error) (*stanza.Stanza, error) {
	s, err = r.related(s, err)
	if err != nil || s == nil || s.Kind != stanza.Message {
		return s, err
	}
	c, ok := r.ev.Stanza.Child("", "thread")
	if _, own := s.Child("", "thread"); own || !ok {
		return s, nil
	}
	thread := r.ev.Stanza.ChildXML(c) // with its parent
	if !strings.HasPrefix(thread, "<thread") || strings.Contains(thread, "xmlns") {
		thread = stanza.TextElement("thread", r.ev.Stanza.ChildText(c))
	}
	return s.Append(thread, r.e.Limits)
}
