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

// notObject returns the error for JSON whose members cannot be read.
func notObject(data []byte) error {
	if why := document.NotJSON(data); why != "" {
		return errors.New("JSON: " + why)
	}
	return errors.New("JSON: an object is expected")
}

// has reports whether a key is there and not null. Many languages encode a
// missing value as null.
func (m members) has(key string) bool {
	v, ok := m[key]
	return ok && string(v) != "null"
}

// text returns the value of a key, if it is a string.
func (m members) text(key string) (s string, ok bool) {
	ok = m.has(key) && json.Unmarshal(m[key], &s) == nil
	return s, ok
}

// whole returns the XML of a reply that is given as one stanza; "" if it is not.
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

// object makes a reply of mod_rest's JSON, nil for an object
// without a known key, such as {"ok":true}. Its addresses do not count.
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
	return r.ofMembers(m, data)
}

// ofMembers makes a reply of the members of an object.
func (r *replier) ofMembers(m members, data []byte) (*stanza.Stanza, error) {
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

// decoded makes a reply of an object's keys by decode, which gets the kind unless the keys
// say it.
func (r *replier) decoded(m members, decode func(stanza.Kind) (*restjson.Fields, error)) (*stanza.Stanza, error) {
	whole, err := m.whole()
	switch {
	case err != nil:
		return nil, err
	case whole != "":
		return r.embedded(whole)
	}
	kind, enough := r.kindOf(m)
	if len(m) == 0 {
		return nil, nil
	}
	f, err := decode(kind)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the fields of the reply: %w", err)
	case f.Inner == "" && !enough:
		return nil, nil
	case f.Has("error"):
		f.Type = r.erroneous(f.Type)
	}
	if f.Kind == 0 {
		f.Kind = kind
	}
	return r.build(f.Header, f.Inner)
}

// cleanMembers replaces characters that no stanza can carry, but for the key payload: its
// data is JSON itself (XEP-0335), which may have any escapes. It reports whether
// there were any.
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

// prune removes members that do not count: addresses, nulls, and errors that are no stanza
// errors. It reports whether there were any.
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

// pruneError keeps of an "error" the keys that a stanza error has; mod_rest's
// own have more. Without any, and without type error, it is the web application's own:
// {"error":false,"ok":true}.
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

// kindOf returns the kind of a reply, and whether that alone makes one.
// Without "kind" the type decides (RFC 6121 sections 4.7.1 and 5.2.2, RFC 6120
// section 8.2.3), or keys that only messages have. Keys of presence and IQs do not:
// {"status":"ok"}, {"version":1} and {"items":[]} are how web applications report success.
func (r *replier) kindOf(m members) (kind stanza.Kind, enough bool) {
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

// erroneous returns the type of a reply with an <error/>: error, unless both the
// reply and the stanza that it answers have another.
func (r *replier) erroneous(typ string) string {
	if typ == "" || r.ev.Stanza.Type == "" {
		return "error"
	}
	return typ
}
