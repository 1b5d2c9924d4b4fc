package restjson

import (
	"strings"

	"stanzahook/pkg/stanza"
)

// plain is the fast path for the most common children, <body>text</body> and
// <active xmlns='…'/>, which have no attributes and no children. It reports whether
// it encoded the child.
func (e *encoder) plain(k *key, c stanza.Child) bool {
	xml := e.s.ChildXML(c)
	switch k.shape.(type) {
	case flag, named:
		if !bare(xml, c) {
			return false
		}
		e.begin(k.name)
		if k.local == "" {
			e.dst = appendString(e.dst, c.Local)
		} else {
			e.dst = append(e.dst, "true"...)
		}
		return true
	}
	switch k.name {
	case "body", "subject", "thread", "status":
	default:
		return false
	}
	tag := len(k.local) + 1
	if len(xml) <= tag || xml[tag] != '>' || strings.Count(xml, "<") > 2 {
		return false
	}
	e.begin(k.name)
	if text := e.s.ChildText(c); k.name != "thread" {
		e.dst = appendString(e.dst, text)
	} else if text == "" {
		e.dst = append(e.dst, "{}"...)
	} else {
		e.dst = append(appendString(append(e.dst, `{"id":`...), text), '}')
	}
	return true
}

// bare reports whether an element is <name xmlns='…'/>.
func bare(xml string, c stanza.Child) bool {
	rest, ok := strings.CutPrefix(xml[1:], c.Local)
	if !ok {
		return false
	}
	if rest, ok = strings.CutPrefix(rest, " xmlns="); !ok {
		return false
	}
	quote := rest[0]
	if rest, ok = strings.CutPrefix(rest[1:], c.Space); !ok || rest == "" || rest[0] != quote {
		return false
	}
	return rest[1:] == "/>"
}
