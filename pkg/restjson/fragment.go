package restjson

import (
	"encoding/json"
	"errors"
	"strings"

	"stanzahook/pkg/document"
	"stanzahook/pkg/stanza"
)

// maxDepth is the default limit of stanza.Limits.
const maxDepth = 64

// fragment parses the child elements of an element at a depth. It wraps them in a
// stanza, so that XML which is not well formed, or ends its parent, is refused.
func fragment(xml string, depth int) (*stanza.Stanza, error) {
	const tag = "<message>"
	s, err := stanza.ParseDocument(tag+xml+"</message>", stanza.Limits{
		MaxBytes: 2*len(xml) + 2*len(tag) + 1, MaxDepth: max(maxDepth-depth+1, 1)})
	var pe *stanza.ParseError
	switch {
	case errors.As(err, &pe):
		return nil, wrong("", "not well-formed XML at byte %d: %s", max(pe.Offset-len(tag), 0), pe.Reason)
	case err != nil:
		return nil, wrong("", "not well-formed XML: %s", err)
	}
	return s, nil
}

// written reads an element that this package wrote.
func written(xml []byte) *stanza.Element {
	n := len(xml)
	e, err := stanza.ParseElement(string(xml), stanza.Limits{MaxBytes: n, MaxDepth: n, MaxAttrs: n, MaxBindings: n})
	if err != nil { // not reached
		return &stanza.Element{}
	}
	return e
}

// childrenOf reads the value of the key xml and removes declarations of the stanza's
// own namespace from its elements.
func childrenOf(v json.RawMessage, at level) (*stanza.Stanza, error) {
	xml, err := text(v)
	if err != nil {
		return nil, err
	}
	if xml, err = document.XMLText(xml); err != nil {
		return nil, wrong("", "%s", err)
	}
	s, err := fragment(xml, at.depth)
	if err != nil {
		return nil, err
	}
	rest := s.Inner()
	for _, c := range s.Children() {
		var ok bool
		if rest, ok = strings.CutPrefix(strings.TrimLeft(rest, " \t\r\n"), s.ChildXML(c)); !ok {
			return nil, wrong("", "text between the elements; a stanza contains only elements")
		}
	}
	if strings.TrimLeft(rest, " \t\r\n") != "" {
		return nil, wrong("", "text between the elements; a stanza contains only elements")
	}
	if s, err = s.With(s.Header, stanza.Limits{MaxBytes: 2*len(xml) + 64}); err != nil {
		return nil, wrong("", "%s", err)
	}
	return s, nil
}
