package restjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// FieldError says which key of a JSON object is wrong, and why.
type FieldError struct {
	Field  string
	Reason string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Reason }

func wrong(field, format string, args ...any) error {
	return &FieldError{field, fmt.Sprintf(format, args...)}
}

// Fields is a decoded JSON object: a header, and the XML of the content.
// Kind is 0 and addresses are zero where the object does not say.
type Fields struct {
	stanza.Header
	Inner string
	Keys  []string // the known keys that were there, in order
	// Unknown are the keys that are not in the mapping. They are not in Inner;
	// the caller decides whether that may pass.
	Unknown []string
}

// Has reports whether the object had a key.
func (f *Fields) Has(key string) bool { return slices.Contains(f.Keys, key) }

// ErrNotObject means that the JSON is none, or no object.
var ErrNotObject = errors.New("a JSON object is expected")

// UnknownKey returns a [*FieldError] for the first unknown key, or nil.
func (f *Fields) UnknownKey() error {
	if len(f.Unknown) == 0 {
		return nil
	}
	return wrong(clip(f.Unknown[0]), "unknown key; known are kind, type, to, from, id, lang, body, subject, thread, error")
}

// Decode reads a JSON object. Wrong types, JIDs that are none, and text that
// XML cannot carry are a [*FieldError] that names the key. Nothing is guessed:
// see [Fields.Guess].
func Decode(data []byte) (*Fields, error) {
	f := &Fields{}
	members, err := object(data)
	if err != nil {
		return nil, err
	}
	var inner []byte
	for _, m := range members {
		switch m.key {
		case "error":
			f.Keys = append(f.Keys, m.key)
			x, err := errorXML(m.value)
			if err != nil {
				return nil, err
			}
			inner = append(inner, x...)
			continue
		case "kind", "type", "to", "from", "id", "lang", "body", "subject", "thread":
			f.Keys = append(f.Keys, m.key)
		default:
			f.Unknown = append(f.Unknown, m.key)
			continue
		}
		var v string
		if json.Unmarshal(m.value, &v) != nil || string(m.value) == "null" {
			return nil, wrong(m.key, "a string is expected")
		}
		if at := stanza.CheckText(v); at >= 0 {
			return nil, wrong(m.key, "holds a character XML forbids, at byte %d", at)
		}
		switch m.key {
		case "kind":
			if f.Kind = stanza.KindOf(v); f.Kind == 0 {
				return nil, wrong("kind", "use message, presence or iq, not %q", v)
			}
		case "type":
			f.Type = v
		case "to":
			f.To, err = address("to", v)
		case "from":
			f.From, err = address("from", v)
		case "id":
			f.ID = v
		case "lang":
			f.Lang = v
		default:
			inner = append(inner, stanza.Element(m.key, v)...)
		}
		if err != nil {
			return nil, err
		}
	}
	f.Inner = string(inner)
	return f, nil
}

func address(field, v string) (jid.JID, error) {
	j, err := jid.Parse(v)
	if err != nil {
		return jid.JID{}, wrong(field, "%s", err)
	}
	return j, nil
}

// Guess fills in the kind where the object did not say it, as mod_rest does:
// from the type, else message. It also takes "available" for no type.
func (f *Fields) Guess() {
	if f.Kind == 0 {
		switch f.Type {
		case "get", "set", "result":
			f.Kind = stanza.IQ
		case "available", "unavailable", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe":
			f.Kind = stanza.Presence
		default:
			f.Kind = stanza.Message
		}
	}
	if f.Kind == stanza.Presence && f.Type == "available" {
		f.Type = ""
	}
}

func errorXML(data json.RawMessage) (string, error) {
	members, err := object(data)
	if err != nil {
		return "", wrong("error", "an object with type, condition and text is expected")
	}
	e := stanza.Error{Type: stanza.Cancel, Condition: stanza.UndefinedCondition}
	for _, m := range members {
		var v string
		if json.Unmarshal(m.value, &v) != nil {
			return "", wrong("error."+clip(m.key), "a string is expected")
		}
		if stanza.CheckText(v) >= 0 {
			return "", wrong("error."+m.key, "holds a character XML forbids")
		}
		switch m.key {
		case "type":
			e.Type = stanza.ErrorType(v)
			if !e.Type.Valid() {
				return "", wrong("error.type", "use auth, cancel, continue, modify or wait, not %q", v)
			}
		case "condition":
			e.Condition = stanza.Condition(v)
			if !e.Condition.Valid() {
				return "", wrong("error.condition", "%q is no condition of RFC 6120 section 8.3.3", v)
			}
		case "text":
			e.Text = v
		default:
			return "", wrong("error."+clip(m.key), "unknown key; known are type, condition, text")
		}
	}
	return e.XML(), nil
}

type member struct {
	key   string
	value json.RawMessage
}

// object reads the members in order; encoding/json alone would take the last
// of two equal keys without a word.
func object(data []byte) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	open, err := d.Token()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotObject, err)
	}
	if open != json.Delim('{') {
		return nil, ErrNotObject
	}
	var members []member
	seen := make(map[string]bool, 16)
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotObject, err)
		}
		name, _ := key.(string) // an object's keys are strings
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotObject, err)
		}
		if seen[name] {
			return nil, wrong(clip(name), "the key is there twice")
		}
		seen[name] = true
		members = append(members, member{name, value})
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotObject, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: something follows it", ErrNotObject)
	}
	return members, nil
}

func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
