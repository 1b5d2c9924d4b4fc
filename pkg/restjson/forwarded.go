package restjson

import (
	"encoding/json"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// forwarded is a message inside of another (XEP-0297).
var forwarded = fieldsOf(
	children("delay", one{"urn:xmpp:delay", "delay", attribute{"stamp", str}}),
	children("message", one{stanza.NSClient, "message", inner{}})).called("forwarded")

// inner is the message that is forwarded: an object with the keys of messages.
type inner struct{}

func (inner) doc() string { return "object of a message" }

func (inner) encode(dst []byte, n *node, at level) ([]byte, bool, bool) {
	if at.forwarded >= maxForwarded || n.prefixed || n.xmlnsTo == 0 {
		return dst, false, false
	}
	// A prefix that is declared outside of the message is an error here; it is
	// in the key xml then, with all around it.
	s, err := stanza.Parse(n.raw, stanza.Limits{MaxBytes: len(n.raw) + 1, MaxAttrs: len(n.raw)})
	if err != nil {
		return dst, false, false
	}
	full := n.blank()
	for _, a := range n.attrs {
		full = full && a.value != "" && (a.space == "" && headerKey(a.local) || a.space == nsXML && a.local == "lang")
	}
	for i := range n.kids {
		if k := &n.kids[i]; !k.prefixed && own(k.space) && k.space != stanza.NSClient {
			return dst, false, false // it would come back in the namespace of its message
		}
	}
	for _, j := range []jid.JID{s.From, s.To} {
		if again, err := jid.Parse(j.String()); !j.IsZero() && (err != nil || again != j) {
			return dst, false, false // decode would not take it
		}
	}
	for _, name := range []string{"from", "to"} { // as written, not as normalised
		v, _ := n.attr(name)
		full = full && (v == s.From.String() || name == "to") && (v == s.To.String() || name == "from")
	}
	return encode(dst, s, level{at.depth, at.forwarded + 1}, nil), full, true
}

func headerKey(name string) bool {
	return name == "type" || name == "to" || name == "from" || name == "id"
}

func (inner) decode(e *element, v json.RawMessage, at level) error {
	if at.forwarded >= maxForwarded {
		return wrong("", "more than %d messages are forwarded in one another", maxForwarded)
	}
	if v[0] != '{' {
		return wrong("", "an object with the keys of a message is expected")
	}
	f, err := decode(v, stanza.Message, level{at.depth, at.forwarded + 1})
	if err == nil {
		err = f.UnknownKey()
	}
	if err != nil {
		return err
	}
	if f.Kind != 0 && f.Kind != stanza.Message {
		return wrong("kind", "only messages are forwarded, not %q", f.Kind)
	}
	for _, a := range [...]struct{ name, value string }{
		{"type", f.Type}, {"id", f.ID}, {"from", f.From.String()}, {"to", f.To.String()}, {"xml:lang", f.Lang},
	} {
		if a.value != "" {
			e.attr(a.name, a.value)
		}
	}
	e.content = append(e.content, f.Inner...)
	return nil
}
