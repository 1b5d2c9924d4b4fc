package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"stanzahook/pkg/document"
	"stanzahook/pkg/restjson"
	"stanzahook/pkg/stanza"
)

// encodeRestXML encodes the exact stanza, as mod_rest's callback does.
func encodeRestXML(dst []byte, _ *Endpoint, ev *Event) ([]byte, error) {
	return append(dst, ev.given().XML()...), nil
}

func encodeRestJSON(dst []byte, _ *Endpoint, ev *Event) ([]byte, error) {
	return restjson.Append(dst, ev.given()), nil
}

// restHeader adds the headers of mod_rest's callback.
func restHeader(mediaType string) func(func(name, value string), *Event) {
	return func(add func(name, value string), ev *Event) {
		add("Content-Type", mediaType)
		add("Accept", mediaXMPP+", "+mediaJSON+", "+mediaForm+", "+mediaText)
		if languageTag(ev.Stanza.Lang) {
			add("Content-Language", ev.Stanza.Lang)
		}
	}
}

// judgeRest judges an answer as mod_rest does, with three exceptions: a status that is no success is always an error, never a
// message to a person; an empty answer sends nothing; and one that
// cannot be read is an error.
func judgeRest(e *Endpoint, ev *Event, a *Answer) Verdict {
	if !success(a.Status) {
		err := stanza.FromHTTP(a.Status)
		if given := restError(e, ev, a); given != nil {
			err = given
		}
		return refusal(e, a, err)
	}
	if a.Status == 202 || a.Status == 204 || !answerable(ev.Stanza) {
		return Verdict{}
	}
	r := &replier{e: e, ev: ev, fill: fillRest, silent: ev.Stanza.Kind, note: &a.note}
	return accepted(one(r.rest(a)))
}

// rest reads the reply of an answer, nil if there is none: an empty body, a
// media type that is none of mod_rest's, or JSON and forms without known keys.
func (r *replier) rest(a *Answer) (*stanza.Stanza, error) {
	var read func([]byte) (*stanza.Stanza, error)
	switch a.MediaType {
	case mediaXMPP:
		read = func(body []byte) (*stanza.Stanza, error) { return r.xml(string(body)) }
	case mediaJSON:
		read = func(body []byte) (*stanza.Stanza, error) {
			if err := a.objectOnly(body); err != nil {
				return nil, err
			}
			return r.restJSON(body)
		}
	case mediaForm:
		read = r.form
	case mediaText:
		read = r.restText
	default:
		a.otherType("text/plain or JSON")
		return nil, nil
	}
	body, err := content(a)
	if err != nil || len(bytes.TrimSpace(body)) == 0 {
		return nil, err
	}
	s, err := read(body)
	if err == nil && s != nil && s.Kind != r.ev.Stanza.Kind {
		err = fmt.Errorf("kind: a %s is not answered by a %s", r.ev.Stanza.Kind, s.Kind)
	}
	return s, err
}

// restText makes the chat message that mod_rest makes of a text, to the last space.
func (r *replier) restText(body []byte) (*stanza.Stanza, error) {
	return r.text(string(body), stanza.Header{Kind: stanza.Message, Type: "chat"})
}

func (r *replier) restJSON(body []byte) (*stanza.Stanza, error) {
	body = bytes.TrimSpace(body)
	if string(body) == "[]" || string(body) == `""` { // some languages encode an empty object as []
		return nil, nil
	}
	return r.object(body)
}

// form makes a reply of a form with the fields of mod_rest's JSON; without any "=" it is
// text.
func (r *replier) form(body []byte) (*stanza.Stanza, error) {
	if !bytes.ContainsRune(body, '=') {
		text, err := url.PathUnescape(string(body))
		if err != nil {
			text = string(body)
		}
		return r.restText([]byte(r.cleaned(text)))
	}
	values, err := url.ParseQuery(string(bytes.TrimSpace(body)))
	if err != nil {
		return nil, fmt.Errorf("form: %w", err)
	}
	m := members{}
	for key, v := range values {
		if !utf8.ValidString(v[0]) {
			return nil, fmt.Errorf("form: %.60q is not valid UTF-8", key)
		}
		v[0] = r.cleaned(v[0])
		if m[key], err = marshal(v[0]); err != nil {
			return nil, err
		}
	}
	return r.decoded(m, func(kind stanza.Kind) (*restjson.Fields, error) {
		values.Del("to")
		values.Del("from")
		return restjson.DecodeFormAs(values, kind)
	})
}

// fillRest keeps type and language of the answer: a
// body alone makes a message without a type, as with mod_rest.
func fillRest(r *replier, h stanza.Header) stanza.Header {
	h = r.named(r.back(r.typed(h)))
	if h.Type == "error" && r.ev.Stanza.ID != "" {
		h.ID = r.ev.Stanza.ID
	}
	return h
}

// maxErrorText bounds the text of an error that an endpoint gives, in bytes.
const maxErrorText = 4096

// restError returns the stanza error that a bot gives with a status of failure: XML
// or JSON of the same kind, of type error, with an error in it. Other bodies are those of
// proxies and frameworks, and do not count.
func restError(e *Endpoint, ev *Event, a *Answer) *stanza.Error {
	if a.Status < 400 || !answerable(ev.Stanza) {
		return nil
	}
	r := &replier{e: e, ev: ev, fill: fillRest, silent: ev.Stanza.Kind, note: &a.note}
	if !r.statesError(a) {
		return nil
	}
	s, err := r.rest(a)
	if err != nil || s == nil {
		return nil
	}
	given, _ := s.StanzaError()
	if !given.Type.Valid() {
		given.Type = stanza.Cancel
	}
	if !given.Condition.Valid() {
		given.Condition = stanza.UndefinedCondition
	}
	if len(given.Text) > maxErrorText {
		given.Text = strings.ToValidUTF8(given.Text[:maxErrorText], "")
	}
	return given
}

// statesError reports whether a body is a stanza error.
func (r *replier) statesError(a *Answer) bool {
	body, err := content(a)
	if err != nil {
		return false
	}
	text := string(body)
	if a.MediaType == mediaJSON {
		var m members
		if json.Unmarshal(body, &m) != nil {
			return false
		}
		var e members
		if typ, _ := m.text("type"); typ == "error" && m.has("error") {
			return json.Unmarshal(m["error"], &e) == nil && e.has("condition")
		}
		text, _ = m.text("stanza")
		if text, err = document.XMLText(text); err != nil {
			return false
		}
	} else if a.MediaType != mediaXMPP {
		return false
	}
	s, err := stanza.ParseDocument(strings.TrimSpace(text), r.e.Limits)
	if err != nil || s.Type != "error" {
		return false
	}
	_, has := s.Child("", "error")
	return has
}
