package restjson

import (
	"strings"

	"stanzahook/pkg/stanza"
)

// AppendWithStanza is Append for events: it adds the member stanza, the exact XML. Of
// several bodies or subjects it picks the one in the language of the stanza, which
// has no xml:lang or an equal one (RFC 6121 section 5.2.3), else the first. lang is
// the language of the body, or of the subject if there is no body. The members in omit
// are left out, and their elements are in stanza only. Direct children in the namespace
// hidden ("": none) are left out everywhere.
func AppendWithStanza(dst []byte, s *stanza.Stanza, omit []string, hidden string) []byte {
	e := encoder{s: s, dst: dst, at: level{depth: 1}, byLanguage: s.Kind == stanza.Message, omit: omit, hidden: hidden}
	dst = e.object()
	dst = append(dst[:len(dst)-1], `,"stanza":"`...)
	last := 0
	for _, c := range s.Children() {
		if hidden != "" && c.Space == hidden {
			from, to := s.Place(c)
			dst = appendEscaped(dst, s.XML()[last:from])
			last = to
		}
	}
	return append(appendEscaped(dst, s.XML()[last:]), '"', '}')
}

// language returns the value of the key lang.
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

// inLanguage returns the index of the child of that name in the language of the
// stanza, else of the first one; -1 if there is none.
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

// languageOf returns the xml:lang of a child; empty if it has none of its own.
func (e *encoder) languageOf(c stanza.Child) string {
	tag := len(c.Local) + 1
	if xml := e.s.ChildXML(c); len(xml) > tag && (xml[tag] == '>' || xml[tag] == '/') {
		return ""
	}
	return e.s.Element(c).Lang()
}

// chosen encodes the child i for a key that has more elements. The others go to xml.
func (e *encoder) chosen(k *key, i int) {
	children := e.s.Children()
	text := e.s.ChildText(children[i])
	for j, c := range children {
		if j == i || e.key(c) != k {
			continue
		}
		e.toXML(j)
		if e.s.ChildText(c) == text { // Decode leaves out a value that an element in xml has too
			e.toXML(i)
		}
	}
	if e.plain(k, children[i]) {
		return
	}
	e.begin(k.name)
	dst, full, ok := k.shape.encode(e.dst, e.s.Element(children[i]), e.at.down())
	if e.dst = dst; !ok || !full {
		e.toXML(i)
	}
}
