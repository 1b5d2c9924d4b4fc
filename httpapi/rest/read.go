package rest

import (
	"net/http"

	"stanzahook/httpapi"
	"stanzahook/pkg/document"
	"stanzahook/pkg/stanza"
)

// draft is a stanza to be sent, from a request of any format: its unchecked header, and
// a function that builds it with the checked one.
type draft struct {
	stanza.Header
	self    bool // without to, it goes to the sender's own bare address
	nowhere bool // it needs no to
	build   func(stanza.Header) (*stanza.Stanza, error)
}

// place returns the path of a request; nil: the path does not describe the stanza.
type place func() (*path, *fault)

// read parses a request.
func (h handler) read(w http.ResponseWriter, r *http.Request, where place) (*draft, *fault) {
	format := requestFormat(r.Header)
	unknown := func() *fault {
		return mediaType.because("Content-Type: send %s, %s, %s or %s", formatXML, formatJSON, formatForm, formatText).
			reasoned("unknown-payload-type")
	}
	if format == "" && (where == nil || r.Header.Get("Content-Type") != "") {
		return nil, unknown()
	}
	body, hf := httpapi.ReadText(w, r, syntax(format))
	switch {
	case hf == nil:
	case hf.Status == http.StatusUnsupportedMediaType:
		return nil, mediaType.because("%s", hf.Text)
	case hf.Status == http.StatusBadRequest:
		return nil, unparsable.because("%s", hf.Text)
	default:
		return nil, fromServer(hf)
	}
	if format == "" && len(body) > 0 {
		return nil, unknown()
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

// syntax returns how a format escapes characters.
func syntax(format string) document.Syntax {
	switch format {
	case formatJSON:
		return document.JSON
	case formatXML:
		return document.XML
	}
	return document.Plain
}

// readBody parses a body that has all of the stanza.
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

// readAt parses the body of a request whose path has a part of the stanza.
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
