package restjson

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// DecodeForm reads the fields of a form. Their names are keys whose values are
// strings, numbers or true.
func DecodeForm(form url.Values) (*Fields, error) { return DecodeFormAs(form, 0) }

// DecodeFormAs is DecodeForm with a default kind, as [DecodeAs] is Decode.
func DecodeFormAs(form url.Values, given stanza.Kind) (*Fields, error) {
	typ := form.Get("type")
	kind := stanza.KindOf(form.Get("kind"))
	names := slices.Sorted(maps.Keys(form))
	members := make([]member, len(names))
	for i, name := range names {
		members[i] = member{key: name}
	}
	if kind == 0 {
		kind = guess(typ, given, members)
	}
	object := []byte{'{'}
	for _, name := range names {
		values := form[name]
		if len(values) != 1 {
			return nil, wrong(keyName(name), "one value is expected, not %d", len(values))
		}
		value := quote(values[0])
		if k := tables[kind].byName[name]; k != nil {
			if err := flat(k.shape); err != nil {
				return nil, within(name, err)
			}
			value = fromText(k.shape, values[0])
		}
		object = append(appendMember(object, valid(name)), value...)
	}
	return DecodeAs(append(object, '}'), given)
}

// EncodeForm returns the members of a stanza's JSON form that are strings,
// numbers or true, as the fields of a form.
func EncodeForm(s *stanza.Stanza) url.Values {
	form := url.Values{}
	members, _ := object(Append(nil, s)) // Append writes an object
	for _, m := range members {
		var text string
		switch {
		case json.Unmarshal(m.value, &text) == nil:
			form.Set(m.key, text)
		case m.value[0] != '{' && m.value[0] != '[':
			form.Set(m.key, string(m.value))
		}
	}
	return form
}

// valid makes text valid UTF-8, so that it can be a JSON string.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// flat returns nil if the value of a key can be a single text.
func flat(s shape) error {
	switch s := s.(type) {
	case record:
		if s.plain != "" || s.yes {
			return nil
		}
	case content, attribute, flag, named, html, only:
		return nil
	}
	return wrong("", "cannot be given in a form; send JSON")
}

// fromText returns the JSON value of a text.
func fromText(s shape, text string) []byte {
	switch s := s.(type) {
	case content:
		return s.scalar.json(text)
	case attribute:
		return s.scalar.json(text)
	case flag:
		return boolean.json(text)
	case record:
		if s.yes && text == "true" {
			return []byte(text)
		}
	}
	return quote(text)
}

// Query returns the IQ for a named query, such as ping, disco with the argument
// node, or archive with the arguments with and max. The names are the keys of IQs,
// the arguments the keys of their objects.
func Query(name string, args url.Values, to jid.JID) (*Fields, error) {
	k := tables[stanza.IQ].byName[name]
	if k == nil || k.name == "error" {
		return nil, wrong(keyName(name), "unknown query; known are %s", queries())
	}
	value, err := queryValue(k.shape, args)
	if err != nil {
		return nil, within(name, err)
	}
	object := append(appendMember([]byte{'{'}, name), value...)
	f, err := DecodeAs(append(object, '}'), stanza.IQ)
	if err != nil {
		return nil, err
	}
	f.Kind, f.To = stanza.IQ, to
	f.Guess()
	return f, nil
}

func queries() string {
	var names []string
	for _, k := range keysOf(stanza.IQ) {
		if k.name != "error" {
			names = append(names, k.name)
		}
	}
	return words(names)
}

// queryValue returns the value of a key, with the arguments as its members.
func queryValue(s shape, args url.Values) ([]byte, error) {
	if len(args) == 0 {
		switch s.(type) {
		case items:
			return []byte("[]"), nil
		case flag:
			return []byte("true"), nil
		}
		return []byte("{}"), nil
	}
	object := []byte{'{'}
	for _, name := range slices.Sorted(maps.Keys(args)) {
		value, err := argument(s, name, args[name])
		if err != nil {
			return nil, within(name, err)
		}
		object = append(appendMember(object, valid(name)), value...)
	}
	return append(object, '}'), nil
}

// argument returns the JSON of one argument.
func argument(s shape, name string, values []string) ([]byte, error) {
	var f *field
	switch s := s.(type) {
	case formdata:
		texts := make([]string, len(values))
		for i, v := range values {
			texts[i] = valid(v)
		}
		return appendStrings(nil, texts), nil
	case record:
		f = s.field(name)
	case archiveQuery:
		f = s.field(name)
		if f == nil && slices.Contains(s.keys(), name) {
			f = &field{value: str, place: inAttr}
		}
	}
	switch {
	case f == nil:
		return nil, wrong("", "unknown argument")
	case len(values) != 1:
		return nil, wrong("", "one value is expected, not %d", len(values))
	case f.place != inChild:
		return f.value.json(values[0]), nil
	}
	if c, ok := f.multi.(one); ok {
		switch inner := c.shape.(type) {
		case content, flag:
			return fromText(inner, values[0]), nil
		case anyJSON:
			if json.Valid([]byte(values[0])) {
				return []byte(values[0]), nil
			}
			return quote(values[0]), nil
		}
	}
	return nil, wrong("", "cannot be given in a query; send JSON")
}
