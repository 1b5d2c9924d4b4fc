package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"stanzahook/pkg/document"
	"stanzahook/pkg/restjson"
	"stanzahook/pkg/stanza"
)

// readJSON parses an object with the keys of the mapping.
func (h handler) readJSON(body []byte) (*draft, *fault) {
	f, err := restjson.Decode(body)
	return h.fields(f, err, "invalid-json")
}

// fields makes a draft of fields, or a refusal of the error of parsing them, with the word
// for context.error.
func (h handler) fields(f *restjson.Fields, err error, word string) (*draft, *fault) {
	if err == nil && f.Stanza != "" {
		if len(f.Keys) > 0 || len(f.Unknown) > 1 {
			return nil, unparsable.because("stanza: is the whole stanza, and goes with no other key").reasoned(word)
		}
		text, err := document.XMLText(f.Stanza)
		if err != nil {
			return nil, unparsable.because("stanza: %s", err).reasoned(word)
		}
		return h.readXML(text)
	}
	if err == nil {
		err = f.UnknownKey()
	}
	var field *restjson.FieldError
	switch {
	case errors.As(err, &field) && field.Field == "to":
		return nil, badTo.because("%s", err)
	case errors.As(err, &field) && field.Field == "from":
		return nil, badFrom.because("%s", err)
	case errors.As(err, &field) && field.Field == "kind":
		return nil, unparsable.because("%s", err).reasoned("unknown-kind")
	case err != nil:
		return nil, unparsable.because("%s", err).reasoned(word)
	case len(f.Keys) == 0:
		return nil, unparsable.because("the JSON object is empty; give kind, to and what to send").reasoned(word)
	case f.Has("error") && f.Type != "error" && f.Type != "":
		return nil, unparsable.because("error: goes with type \"error\" only, not with %q", f.Type).reasoned(word)
	}
	f.Guess()
	return &draft{Header: f.Header, build: func(hd stanza.Header) (*stanza.Stanza, error) {
		return stanza.Build(hd, f.Inner, h.Sender.Limits(hd.From))
	}}, nil
}

// readQueryJSON parses the value of a query that the path names. An empty object may also
// mean that there are no arguments.
func (h handler) readQueryJSON(p *path, body []byte) (*draft, *fault) {
	var value bytes.Buffer
	if err := json.Compact(&value, body); err != nil {
		return nil, unparsable.because("%s: %s", restjson.ErrNotObject, document.NotJSON(body)).reasoned("invalid-json")
	}
	if value.String() == "{}" {
		return h.readQuery(p, "")
	}
	object := append([]byte(`{"kind":"iq","`+p.query+`":`), body...)
	d, f := h.readJSON(append(object, '}'))
	if f == nil {
		p.header(&d.Header)
	}
	return d, f
}

// override returns an object with some of its members replaced. It returns anything else
// unchanged, for the next reader to refuse.
func override(body []byte, members map[string]string) []byte {
	d := json.NewDecoder(bytes.NewReader(body))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return body
	}
	out := []byte{'{'}
	add := func(key string, value []byte) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		name, _ := json.Marshal(key) // a string always has a JSON form
		out = append(append(append(out, name...), ':'), value...)
	}
	for _, key := range slices.Sorted(maps.Keys(members)) {
		value, _ := json.Marshal(members[key])
		add(key, value)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return body
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return body
		}
		name, _ := key.(string) // an object's keys are strings
		if _, is := members[name]; !is {
			add(name, value)
		}
	}
	if _, err := d.Token(); err != nil {
		return body
	}
	// The next reader refuses what follows the object.
	return append(append(out, '}'), body[d.InputOffset():]...)
}
