package restjson

import (
	"encoding/json"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// forwarded is a message inside another one (XEP-0297).
var forwarded = fieldsOf(
	children("delay", one{"urn:xmpp:delay", "delay", attribute{"stamp", str}}),
	children("message", one{stanza.NSClient, "message", inner{}})).titled("forwarded")

// inner is the message that is forwarded: an object with the keys of messages.
type inner struct{}

func (inner) doc() string { return "object of a message" }

func (inner) encode(dst []byte, n *stanza.Element, at level) ([]byte, bool, bool) {
	if at.forwarded >= maxForwarded || !n.DeclaresSpace() {
		return dst, false, false
	}
	// A message with a prefix that is declared outside of it fails here and goes
	// to the key xml.
	s, err := stanza.Parse(n.XML(), stanza.Limits{MaxBytes: len(n.XML()) + 1, MaxAttrs: len(n.XML())})
	if err != nil {
		return dst, false, false
	}
	full := n.Blank()
	for _, a := range n.Attrs {
		full = full && a.Value != "" && (a.Space == "" && headerKey(a.Local) || a.Space == stanza.NSXML && a.Local == "lang")
	}
	for i := range n.Children {
		if k := &n.Children[i]; !k.Prefixed && (k.Space == "" || k.Space == stanza.NSComponent) {
			return dst, false, false // decode would put it into the namespace of its message
		}
	}
	for _, j := range []jid.JID{s.From, s.To} {
		if again, err := jid.Parse(j.String()); !j.IsZero() && (err != nil || again != j) {
			return dst, false, false // decode would refuse it
		}
	}
	for _, name := range []string{"from", "to"} { // as written, not as normalised
		v, _ := n.Attr(name)
		full = full && (v == s.From.String() || name == "to") && (v == s.To.String() || name == "from")
	}
	return encode(dst, s, level{at.depth, at.forwarded + 1}), full, true
}

func headerKey(name string) bool {
	return name == "type" || name == "to" || name == "from" || name == "id"
}

func (inner) decode(e *builder, v json.RawMessage, at level) error {
	if at.forwarded >= maxForwarded {
		return wrong("", "more than %d forwarded messages nest", maxForwarded)
	}
	if v[0] != '{' {
		return wrong("", "an object with the keys of a message is expected")
	}
	f, err := decode(v, stanza.Message, level{at.depth, at.forwarded + 1}, nil)
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
