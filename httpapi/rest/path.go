package rest

import (
	"strings"
	"unicode/utf8"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/restjson"
	"stanzahook/pkg/stanza"
)

// path is the part of a stanza in the path of a request; it wins over the body.
//
//	/rest/message/chat/juliet@example.com    a kind and a type
//	/rest/iq/version/example.com             the name of a payload; also GET /rest/version/example.com
type path struct {
	kind  stanza.Kind
	typ   string
	query string // the key of an IQ's payload; then there is no type
	to    string // may be empty
}

// parsePath parses the three parts of a path, percent-decoded. As in mod_rest the first
// letter is the kind. The address is all of the rest, as a resource may have slashes.
func parsePath(kind, typ, to string) (*path, *fault) {
	p := &path{to: to}
	switch {
	case !word(kind) || len(kind) < 2:
	case kind[0] == 'm':
		p.kind = stanza.Message
	case kind[0] == 'p':
		p.kind = stanza.Presence
	case kind[0] == 'i':
		p.kind = stanza.IQ
	}
	switch {
	case p.kind == 0 || !word(typ):
		return nil, badPath.because("write /rest/message/TYPE/TO, /rest/presence/TYPE/TO, /rest/iq/get/TO, /rest/iq/set/TO or /rest/iq/QUERY/TO").reasoned("invalid-path")
	case !utf8.ValidString(to):
		return nil, badPath.because("the address is not valid UTF-8").reasoned("invalid-path")
	case p.kind != stanza.IQ || typ == "get" || typ == "set":
		p.typ = typ
	case !isQuery(typ):
		_, err := restjson.Query(typ, nil, jid.JID{})
		return nil, badIQContent.because("%s", err)
	default:
		p.query = typ
	}
	return p, nil
}

// word reports whether s has letters, digits and underscores only.
func word(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}

// isQuery reports whether a word is the key of a payload of IQs.
func isQuery(name string) bool {
	switch name {
	case "kind", "type", "to", "from", "id", "lang", "error", "xml", "stanza":
		return false
	}
	f, err := restjson.DecodeAs([]byte(`{"`+name+`":true}`), stanza.IQ)
	return err != nil || len(f.Unknown) == 0
}

// header puts the path into the header of a stanza.
func (p *path) header(h *stanza.Header) {
	h.Kind = p.kind
	if p.query == "" {
		if h.Type = p.typ; p.kind == stanza.Presence && p.typ == "available" {
			h.Type = ""
		}
	}
	if p.to != "" {
		h.To = jid.FromServer(p.to)
	}
}

// members returns the path as keys of the JSON mapping; those of nil are none.
func (p *path) members() map[string]string {
	if p == nil {
		return nil
	}
	m := map[string]string{"kind": p.kind.String()}
	if p.query == "" {
		m["type"] = p.typ
	}
	if p.to != "" {
		m["to"] = p.to
	}
	return m
}
