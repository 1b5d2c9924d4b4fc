package restjson

import (
	"encoding/json"
	"errors"
	"strings"

	"stanzahook/pkg/document"
	"stanzahook/pkg/stanza"
)

// maxDepth is how deep elements nest in a stanza by default.
const maxDepth = 64

// fragment reads child elements of an element at a depth: a stanza is made
// around them, so that nothing ill-formed, and nothing that ends its parent,
// passes.
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

// childrenOf reads the value of the key xml. Declarations of the stanza's own
// namespace are left out on the elements, which are children of a stanza.
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
			return nil, wrong("", "text beside the elements; a stanza has only elements in it")
		}
	}
	if strings.TrimLeft(rest, " \t\r\n") != "" {
		return nil, wrong("", "text beside the elements; a stanza has only elements in it")
	}
	if s, err = s.With(s.Header, stanza.Limits{MaxBytes: 2*len(xml) + 64}); err != nil {
		return nil, wrong("", "%s", err)
	}
	return s, nil
}
