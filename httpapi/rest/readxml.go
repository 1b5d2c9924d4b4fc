package rest

import (
	"errors"
	"strings"

	"stanzahook/pkg/stanza"
)

// readXML parses one stanza.
func (h handler) readXML(text string) (*draft, *fault) {
	text = strings.Trim(text, " \t\r\n") // a final newline is no second element
	// The body is within its limit; the limit of the component is for the built stanza.
	s, err := stanza.ParseDocument(text, stanza.Limits{MaxBytes: 2*len(text) + 1})
	var not *stanza.NotStanza
	switch {
	case errors.As(err, &not) && (not.Space != "" && not.Space != stanza.NSClient || stanza.KindOf(not.Local) != 0):
		return nil, badNamespace.because("%s; leave it out, or write jabber:client", not)
	case errors.As(err, &not):
		return nil, badKind.because("%s", not)
	case err != nil:
		return nil, unparsable.because("%s", err).reasoned(err.Error())
	}
	return &draft{Header: s.Header, build: func(hd stanza.Header) (*stanza.Stanza, error) { return s.With(hd, h.Sender.Limits(hd.From)) }}, nil
}

// readXMLAt parses a stanza for which the path has type and address. Its kind must be that
// of the path: its content would mean something else in another.
func (h handler) readXMLAt(p *path, text string) (*draft, *fault) {
	d, f := h.readXML(text)
	switch {
	case f != nil:
		return nil, f
	case p.query != "":
		return nil, badPath.because("XML is a whole stanza; send it to /rest").reasoned("invalid-path")
	case d.Kind != p.kind:
		return nil, badPath.because("the path says %s and the body %s", p.kind, d.Kind).reasoned("invalid-path")
	}
	p.header(&d.Header)
	return d, nil
}
