package restjson

import (
	"strings"

	"stanzahook/pkg/stanza"
)

// AppendWithStanza is Append for the receiver of an event, with one more
// member, stanza: the exact XML. Of several bodies or subjects it has the one in
// the language of the stanza, without an xml:lang or with an equal one (RFC 6121
// section 5.2.3), else the first; lang is the language of the body, of the
// subject where there is no body.
func AppendWithStanza(dst []byte, s *stanza.Stanza) []byte {
	e := encoder{s: s, dst: dst, at: level{depth: 1}, byLanguage: s.Kind == stanza.Message}
	dst = e.object()
	dst = append(dst[:len(dst)-1], `,"stanza":`...)
	return append(appendString(dst, s.XML()), '}')
}

// language is the value of the key lang.
func (e *encoder) language() string {
	if !e.byLanguage {
		return e.s.Lang
	}
	for _, name := range [...]string{"body", "subject"} {
		if i := e.inLanguage(name); i >= 0 {
			if lang := e.languageOf(e.s.Children()[i]); lang != "" {
				return lang
			}
			break
		}
	}
	return e.s.Lang
}

// inLanguage returns which child of that name is in the language of the stanza,
// else the first; -1 if there is none.
func (e *encoder) inLanguage(name string) int {
	first := -1
	for i, c := range e.s.Children() {
		if c.Space != "" || c.Local != name {
			continue
		}
		if lang := e.languageOf(c); lang == "" || strings.EqualFold(lang, e.s.Lang) {
			return i
		}
		if first < 0 {
			first = i
		}
	}
	return first
}

// languageOf is the xml:lang of a child; empty if it has none of its own.
func (e *encoder) languageOf(c stanza.Child) string {
	tag := len(c.Local) + 1
	if xml := e.s.ChildXML(c); len(xml) > tag && (xml[tag] == '>' || xml[tag] == '/') {
		return ""
	}
	n := e.node(c)
	for _, a := range n.attrs {
		if a.local == "lang" && a.space == nsXML {
			return a.value
		}
	}
	return ""
}

// chosen encodes the child i for a key, before which others of the key are. They
// are in xml.
func (e *encoder) chosen(k *key, i int) {
	children := e.s.Children()
	text := e.s.ChildText(children[i])
	for j, c := range children {
		if j == i || e.key(c) != k {
			continue
		}
		e.toXML(j)
		if e.s.ChildText(c) == text { // an element in xml stands for an equal value of the key
			e.toXML(i)
		}
	}
	if e.plain(k, children[i]) {
		return
	}
	n := e.node(children[i])
	e.begin(k.name)
	dst, full, ok := k.shape.encode(e.dst, &n, e.below())
	if e.dst = dst; !ok || !full {
		e.toXML(i)
	}
	e.end()
}
