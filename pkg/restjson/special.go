package restjson

import (
	"encoding/json"
	"slices"
	"strings"

	"stanzahook/pkg/stanza"
)

const nsXHTML = "http://www.w3.org/1999/xhtml"

// html is the unchanged <body/> of XHTML-IM (XEP-0071), without its namespace.
type html struct{}

func (html) doc() string { return "string with <body>…</body>" }

func (html) encode(dst []byte, n *stanza.Element, _ level) ([]byte, bool, bool) {
	b := n.Child(nsXHTML, "body")
	if b == nil || !b.DeclaresSpace() {
		return dst, false, false
	}
	if _, err := fragment(b.XML(), 1); err != nil {
		return dst, false, false // a prefix is declared outside of it
	}
	return appendString(dst, b.WithoutSpace()), len(n.Children) == 1 && len(n.Attrs) == 0 && n.Blank(), true
}

func (html) decode(e *builder, v json.RawMessage, at level) error {
	s, err := text(v)
	if err != nil {
		return err
	}
	s = strings.TrimSpace(s)
	const tag = "<body"
	if !strings.HasPrefix(s, tag) || len(s) == len(tag) || !strings.ContainsRune(" \t\r\n/>", rune(s[len(tag)])) {
		return wrong("", "XHTML that begins with <body> is expected")
	}
	f, err := fragment(s, at.depth)
	if err != nil {
		return err
	}
	if len(f.Children()) != 1 {
		return wrong("", "exactly one <body> is expected")
	}
	b := f.Element(f.Children()[0])
	switch {
	case !b.DeclaresSpace():
		s = tag + " xmlns='" + nsXHTML + "'" + s[len(tag):]
	case b.Space != nsXHTML:
		return wrong("", "the namespace of <body> is %s", nsXHTML)
	}
	e.content = append(e.content, s...)
	return nil
}

// anyJSON is the text of a <json/> element (XEP-0335): any JSON, unchanged.
type anyJSON struct{}

func (anyJSON) doc() string { return "any JSON" }

func (anyJSON) encode(dst []byte, n *stanza.Element, _ level) ([]byte, bool, bool) {
	if !json.Valid([]byte(n.Text)) {
		return dst, false, false
	}
	data := strings.Trim(n.Text, " \t\r\n")
	return append(dst, data...), data == n.Text && len(n.Attrs) == 0 && len(n.Children) == 0, true
}

func (anyJSON) decode(e *builder, v json.RawMessage, _ level) error {
	if at := stanza.CheckText(string(v)); at >= 0 {
		return wrong("", "holds a character XML forbids, at byte %d", at)
	}
	e.text(string(v))
	return nil
}

// stanzaError is the error of a stanza (RFC 6120 section 8.3). A type or condition
// that RFC 6120 does not define becomes cancel or undefined-condition.
type stanzaError struct{}

var errorKeys = []string{"type", "condition", "text", "by"}

func (stanzaError) doc() string { return "object {type @, condition, text, by @}" }

func (stanzaError) encode(dst []byte, n *stanza.Element, _ level) ([]byte, bool, bool) {
	e := stanza.Error{Type: stanza.Cancel, Condition: stanza.UndefinedCondition}
	known, plain, texts := 0, n.Blank(), 0
	if v, _ := n.Attr("type"); stanza.ErrorType(v).Valid() {
		e.Type = stanza.ErrorType(v)
		known++
	}
	conditions := 0
	for i := range n.Children {
		k := &n.Children[i]
		plain = plain && len(k.Attrs) == 0 && len(k.Children) == 0 && k.Space == stanza.NSStanzas
		switch {
		case k.Space != stanza.NSStanzas:
		case k.Local == "text":
			if texts++; texts == 1 {
				e.Text = k.Text
			}
			plain = plain && k.Text != ""
		case stanza.Condition(k.Local).Valid():
			if conditions++; conditions == 1 {
				e.Condition = stanza.Condition(k.Local)
			}
			plain = plain && k.Blank()
		}
	}
	dst = append(dst, `{"type":`...)
	dst = appendString(dst, string(e.Type))
	dst = appendString(append(dst, `,"condition":`...), string(e.Condition))
	if e.Text != "" {
		dst = appendString(append(dst, `,"text":`...), e.Text)
	}
	attrs := known
	if by, ok := n.Attr("by"); ok {
		attrs++
		plain = plain && by != ""
		if by != "" {
			dst = appendString(append(dst, `,"by":`...), by)
		}
	}
	full := plain && known == 1 && attrs == len(n.Attrs) && conditions == 1 && texts <= 1 && len(n.Children) == conditions+texts
	return append(dst, '}'), full, true
}

func (stanzaError) decode(e *builder, v json.RawMessage, _ level) error {
	members, err := object(v)
	if err != nil {
		return wrong("", "an object with %s is expected", words(errorKeys))
	}
	se := stanza.Error{Type: stanza.Cancel, Condition: stanza.UndefinedCondition}
	for _, m := range members {
		if !slices.Contains(errorKeys, m.key) {
			return wrong(keyName(m.key), "unknown key; known are %s", strings.Join(errorKeys, ", "))
		}
		s, err := text(m.value)
		if err != nil {
			return within(m.key, err)
		}
		switch m.key {
		case "type":
			se.Type = stanza.ErrorType(s)
			if !se.Type.Valid() {
				return wrong("type", "use auth, cancel, continue, modify or wait, not %q", clip(s))
			}
		case "condition":
			se.Condition = stanza.Condition(s)
			if !se.Condition.Valid() {
				return wrong("condition", "%q is not a condition of RFC 6120 section 8.3.3", clip(s))
			}
		case "text":
			se.Text = s
		case "by":
			se.By = s
		}
	}
	x := written([]byte(se.XML()))
	for _, a := range x.Attrs {
		e.attr(a.Local, a.Value)
	}
	for i := range x.Children {
		e.content = append(e.content, x.Children[i].XML()...)
	}
	return nil
}
