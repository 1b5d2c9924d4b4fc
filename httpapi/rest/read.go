package rest

import (
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"stanzahook/httpapi"
	"stanzahook/pkg/restjson"
	"stanzahook/pkg/stanza"
)

// draft is what the caller asked for, whatever its format: a header that is not
// checked yet, and how to make the stanza once it is.
type draft struct {
	stanza.Header
	build func(stanza.Header) (*stanza.Stanza, error)
}

// read takes the body of a request apart.
func (h handler) read(w http.ResponseWriter, r *http.Request) (*draft, *fault) {
	format := requestFormat(r.Header)
	if format == "" {
		return nil, mediaType.because("Content-Type: send %s or %s", formatXML, formatJSON)
	}
	if c := r.Header.Get("Content-Encoding"); c != "" && c != "identity" { // RFC 9110 section 15.5.16
		return nil, mediaType.because("Content-Encoding: send the body without one")
	}
	body, hf := httpapi.ReadBody(w, r)
	if hf != nil {
		return nil, fromServer(hf)
	}
	if !utf8.Valid(body) {
		return nil, unparsable.because("the body is not valid UTF-8")
	}
	if format == formatJSON {
		return h.readJSON(body)
	}
	return h.readXML(string(body))
}

func (h handler) readXML(text string) (*draft, *fault) {
	text = strings.Trim(text, " \t\r\n") // a final newline is no second thing in the body
	// The body's own limit has been held; that of the component is for what we
	// make of it.
	s, err := stanza.Parse(text, stanza.Limits{MaxBytes: len(text) + 1})
	var not *stanza.NotStanza
	switch {
	case errors.As(err, &not) && (not.Space != "" && not.Space != stanza.NSClient || stanza.KindOf(not.Local) != 0):
		return nil, badNamespace.because("%s; leave it out, or write jabber:client", not)
	case errors.As(err, &not):
		return nil, badKind.because("%s", not)
	case err != nil:
		return nil, unparsable.because("%s", err)
	}
	return &draft{s.Header, func(hd stanza.Header) (*stanza.Stanza, error) { return s.With(hd, h.Limits(hd.From)) }}, nil
}

func (h handler) readJSON(body []byte) (*draft, *fault) {
	f, err := restjson.Decode(body)
	if err == nil && f.Stanza != "" {
		if len(f.Keys) > 0 || len(f.Unknown) > 1 {
			return nil, unparsable.because("stanza: is the whole stanza, and goes with no other key")
		}
		return h.readXML(f.Stanza)
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
	case err != nil:
		return nil, unparsable.because("%s", err)
	case len(f.Keys) == 0:
		return nil, unparsable.because("the JSON object is empty; give kind, to and what to send")
	}
	f.Guess()
	if fault := sensible(f); fault != nil {
		return nil, fault
	}
	return &draft{f.Header, func(hd stanza.Header) (*stanza.Stanza, error) {
		return stanza.Build(hd, f.Inner, h.Limits(hd.From))
	}}, nil
}

// sensible refuses an error in a stanza that is none.
func sensible(f *restjson.Fields) *fault {
	if f.Has("error") && f.Type != "error" {
		return unparsable.because("error: goes with type \"error\" only, not with %q", f.Type)
	}
	return nil
}
