package webhook

import (
	"encoding/json"
	"errors"
	"fmt"

	"stanzahook/pkg/document"
	"stanzahook/pkg/restjson"
	"stanzahook/pkg/stanza"
)

// members are the keys of a JSON reply.
type members map[string]json.RawMessage

// notObject says what is wrong with JSON whose members cannot be read.
func notObject(data []byte) error {
	if why := document.NotJSON(data); why != "" {
		return errors.New("JSON: " + why)
	}
	return errors.New("JSON: an object is expected")
}

// has reports whether a key is there and not null. Many languages write a
// value that is missing as null.
func (m members) has(key string) bool {
	v, ok := m[key]
	return ok && string(v) != "null"
}

// text is the value of a key, if it is a string.
func (m members) text(key string) (s string, ok bool) {
	ok = m.has(key) && json.Unmarshal(m[key], &s) == nil
	return s, ok
}

// whole is the XML of a reply that is given as one stanza, "" if it is not.
func (m members) whole() (string, error) {
	if !m.has("stanza") {
		return "", nil
	}
	s, _ := m.text("stanza")
	if s == "" {
		return "", errors.New("stanza: a string with the XML of one stanza is expected")
	}
	return s, nil
}

// object is a reply in mod_rest's JSON, nil if it says nothing: an object
// without a key that is known, such as {"ok":true}. Its addresses do not count.
func (r *replier) object(data []byte) (*stanza.Stanza, error) {
	if h, body, ok := simple(data); ok {
		return r.text(body, h)
	}
	return r.anyObject(data)
}

func (r *replier) anyObject(data []byte) (*stanza.Stanza, error) {
	var m members
	if json.Unmarshal(data, &m) != nil {
		return nil, notObject(data)
	}
	return r.decoded(m, func(kind stanza.Kind) (*restjson.Fields, error) {
		if cleaned := r.cleanMembers(m); r.prune(m) || cleaned {
			var err error
			if data, err = json.Marshal(m); err != nil {
				return nil, err
			}
		}
		return restjson.DecodeAs(data, kind)
	})
}

// decoded is the reply that decode makes of an object's keys, of the kind it is
// given unless they say it.
func (r *replier) decoded(m members, decode func(stanza.Kind) (*restjson.Fields, error)) (*stanza.Stanza, error) {
	whole, err := m.whole()
	switch {
	case err != nil:
		return nil, err
	case whole != "":
		return r.embedded(whole)
	}
	kind, told := r.kindOf(m)
	if len(m) == 0 {
		return nil, nil
	}
	f, err := decode(kind)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the fields of the reply: %w", err)
	case f.Inner == "" && !told:
		return nil, nil
	case f.Has("error"):
		f.Type = r.erroneous(f.Type)
	}
	if f.Kind == 0 {
		f.Kind = kind
	}
	return r.build(f.Header, f.Inner)
}

// cleanMembers replaces what no stanza can carry, but for the key payload: its
// data is JSON itself (XEP-0335), which may have any escapes. It reports whether
// there was any.
func (r *replier) cleanMembers(m members) bool {
	before := r.note.Replaced
	for key, v := range m {
		if key == "payload" {
			continue
		}
		clean, n := document.Clean(v, document.JSON)
		m[key] = clean
		r.note.Replaced += n
	}
	return r.note.Replaced > before
}

// prune removes what does not count: addresses, nulls, and what is no stanza
// error. It reports whether there was any.
func (r *replier) prune(m members) bool {
	pruned := m.pruneError()
	for key, v := range m {
		if key == "to" || key == "from" || string(v) == "null" {
			delete(m, key)
			pruned = true
		}
	}
	return pruned
}

// pruneError leaves of an "error" the keys that a stanza error has; mod_rest's
// own have more. Where nothing is left and the type does not speak of an error
// either, it is a word of the web application: {"error":false,"ok":true}.
func (m members) pruneError() bool {
	if !m.has("error") {
		return false
	}
	typ, _ := m.text("type")
	var e members
	if json.Unmarshal(m["error"], &e) != nil {
		if typ != "error" {
			delete(m, "error")
		}
		return typ != "error"
	}
	all := len(e)
	for key := range e {
		if !e.has(key) || key != "type" && key != "condition" && key != "text" && key != "by" {
			delete(e, key)
		}
	}
	if len(e) == all && all > 0 {
		return false
	}
	delete(m, "error")
	if len(e) > 0 {
		m["error"], _ = json.Marshal(e) // of what was unmarshalled
	}
	return true
}

// kindOf is the kind of a reply, and whether that alone is something to say.
// Without "kind" the type tells it (RFC 6121 sections 4.7.1 and 5.2.2, RFC 6120
// section 8.2.3), or what only messages have. Keys of presence and IQs do not:
// {"status":"ok"}, {"version":1} and {"items":[]} are how web applications say
// that they are well.
func (r *replier) kindOf(m members) (kind stanza.Kind, told bool) {
	if m.has("kind") {
		return 0, true
	}
	switch typ, _ := m.text("type"); typ {
	case "get", "set", "result":
		return stanza.IQ, true
	case "available", "unavailable", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe":
		return stanza.Presence, true
	case "normal", "chat", "headline", "groupchat":
		return stanza.Message, false
	case "error":
		return r.ev.Stanza.Kind, true
	}
	for _, key := range []string{"body", "html", "subject"} {
		if m.has(key) {
			return stanza.Message, false
		}
	}
	return r.silent, false
}

// erroneous is the type of a reply with an <error/>: error, unless both the
// reply and what it answers have another.
func (r *replier) erroneous(typ string) string {
	if typ == "" || r.ev.Stanza.Type == "" {
		return "error"
	}
	return typ
}
