package message

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"stanzahook/pkg/stanza"
)

// Text returns what somebody has written: the body without the parts that are fallback for
// clients which do not know the reply, the reaction or the file (XEP-0428); "" if the
// message has no body. A body that is the address of its only file says nothing.
func (f *Features) Text(s *stanza.Stanza) string {
	if !f.hasBody {
		return ""
	}
	body := s.ChildText(f.body)
	if f.fallback {
		body = f.withoutFallback(s, body)
	}
	if f.files {
		trimmed := strings.TrimSpace(body)
		for _, a := range f.Attachments(s) {
			if a.URL == trimmed {
				return ""
			}
		}
	}
	return body
}

// withoutFallback removes the ranges of the body that are fallback. They are counted in
// characters (XEP-0428 section 3.2); a fallback without a range is the whole body.
func (f *Features) withoutFallback(s *stanza.Stanza, body string) string {
	runes := utf8.RuneCountInString(body)
	drop := make([]bool, runes)
	for _, c := range s.Children() {
		if c.Local != "fallback" || c.Space != nsFallback && c.Space != nsFallback0 || !f.explained(s, c) {
			continue
		}
		e := s.Element(c)
		if len(e.Children) == 0 {
			return ""
		}
		for i := range e.Children {
			part := &e.Children[i]
			if part.Local != "body" {
				continue
			}
			for at := bound(part, "start", 0, runes); at < bound(part, "end", runes, runes); at++ {
				drop[at] = true
			}
		}
	}
	var b strings.Builder
	b.Grow(len(body))
	at := 0
	for _, r := range body {
		if !drop[at] {
			b.WriteRune(r)
		}
		at++
	}
	return b.String()
}

// explained reports whether a fallback is for something that the event says in another way.
func (f *Features) explained(s *stanza.Stanza, c stanza.Child) bool {
	space, _ := s.ChildAttr(c, "for")
	switch space {
	case nsReply:
		return f.Event == Said && f.child.Local == "reply" || f.Event == Correction
	case nsReactions:
		return f.Event == Reaction
	case nsRetract, nsRetract0:
		return f.Event == Retraction
	case nsFiles, nsOOB, nsMedia:
		return f.files
	}
	return space == "" && (f.Event == Reaction || f.Event == Retraction)
}

func bound(e *stanza.Element, name string, otherwise, most int) int {
	text, ok := e.Attr(name)
	if !ok {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return otherwise
	}
	return min(n, most)
}
