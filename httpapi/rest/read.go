package rest

import (
	"net/http"
	"unicode/utf8"

	"stanzahook/httpapi"
	"stanzahook/pkg/stanza"
)

// draft is what the caller asked for, whatever its format: a header that is not
// checked yet, and how to make the stanza once it is.
type draft struct {
	stanza.Header
	self    bool // without to it goes to the sender's own bare address
	nowhere bool // it needs no to
	build   func(stanza.Header) (*stanza.Stanza, error)
}

// place is where the stanza of a request is described besides its body: nowhere,
// or in the three parts of a path.
type place func() (*path, *fault)

// read takes a request apart.
func (h handler) read(w http.ResponseWriter, r *http.Request, where place) (*draft, *fault) {
	body, hf := httpapi.ReadBody(w, r)
	if hf != nil {
		return nil, fromServer(hf)
	}
	if c := r.Header.Get("Content-Encoding"); c != "" && c != "identity" { // RFC 9110 section 15.5.16
		return nil, mediaType.because("Content-Encoding: send the body without one")
	}
	format := requestFormat(r.Header)
	if format == "" && (where == nil || r.Header.Get("Content-Type") != "" || len(body) > 0) {
		return nil, mediaType.because("Content-Type: send %s, %s, %s or %s", formatXML, formatJSON, formatForm, formatText).
			reasoned("unknown-payload-type")
	}
	if !utf8.Valid(body) {
		return nil, unparsable.because("the body is not valid UTF-8")
	}
	if where == nil {
		return h.readBody(format, body)
	}
	p, f := where()
	if f != nil {
		return nil, f
	}
	d, f := h.readAt(p, format, body)
	if f != nil {
		return nil, f
	}
	d.self = p.to == ""
	return d, nil
}

// readBody reads a body that says all of the stanza.
func (h handler) readBody(format string, body []byte) (*draft, *fault) {
	switch format {
	case formatXML:
		return h.readXML(string(body))
	case formatJSON:
		return h.readJSON(body)
	case formatForm:
		return h.readForm(string(body))
	}
	return h.readText(string(body))
}

// readAt reads the body of a request whose path says some of the stanza.
func (h handler) readAt(p *path, format string, body []byte) (*draft, *fault) {
	switch {
	case format == formatXML:
		return h.readXMLAt(p, string(body))
	case format == formatText:
		return h.readTextAt(p, string(body))
	case format == formatJSON && p.query != "":
		return h.readQueryJSON(p, body)
	case format == formatJSON:
		return h.readJSON(override(body, p.members()))
	case p.query != "":
		return h.readQuery(p, string(body))
	}
	return h.readFormAt(p, string(body))
}
