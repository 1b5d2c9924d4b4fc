package stanza

import (
	"fmt"
	"strings"

	"stanzahook/pkg/document"
)

// ParseError says why XML was refused, and where.
type ParseError struct {
	Offset int    // in bytes from the beginning
	Reason string // for people
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("XML at byte %d: %s", e.Offset, e.Reason)
}

// scanner reads one element strictly. It reuses its slices for the next element.
type scanner struct {
	s     string
	i     int
	lim   Limits
	scope []Namespace
	err   *ParseError
	attr  []attribute // of the tag just read
	bind  []binding
	elems []string    // names of the open elements
	outer []Namespace // used prefixes that are declared outside of the element

	dropping bool   // drop attributes with an undeclared prefix
	dropped  []span // the dropped attributes
}

type attribute struct {
	start    int // offset of the white space before it
	name     string
	value    string // as written, between the quotes
	valueEnd int    // offset after the closing quote
	changed  bool   // unescape(value) differs from value
	uri      string // the namespace of a name with a prefix, once resolved
}

func (a *attribute) text() string {
	if !a.changed {
		return a.value
	}
	return unescape(a.value, true)
}

type binding struct {
	prefix, uri string
	depth       int
}

func (x *scanner) reset(s string) {
	x.s, x.i, x.err = s, 0, nil
	x.attr, x.bind, x.elems, x.outer = x.attr[:0], x.bind[:0], x.elems[:0], x.outer[:0]
	x.dropped = x.dropped[:0]
	for _, n := range x.scope {
		x.bind = append(x.bind, binding{n.Prefix, n.URI, -1})
	}
}

func (x *scanner) fail(at int, format string, args ...any) bool {
	if x.err == nil {
		x.err = &ParseError{at, fmt.Sprintf(format, args...)}
	}
	return false
}

// name reads a qualified name at x.i.
func (x *scanner) name() (string, bool) {
	s, i := x.s, x.i
	if i >= len(s) || nameClass[s[i]] != 1 {
		return "", x.fail(i, "a name is expected here")
	}
	colon, foreign := -1, false
	for ; i < len(s) && nameClass[s[i]] != 0; i++ {
		if c := s[i]; c != ':' && c < 0x80 {
			continue
		}
		switch {
		case s[i] == ':':
			if colon >= 0 {
				return "", x.fail(i, "a name has two colons")
			}
			colon = i
		case s[i] >= 0x80:
			foreign = true
		}
	}
	name := s[x.i:i]
	if colon >= 0 && (colon == x.i || colon == i-1 || nameClass[s[colon+1]] != 1) {
		return "", x.fail(x.i, "the name %q has an empty or wrong part beside its colon", clip(name))
	}
	if foreign && !foreignName(name) {
		return "", x.fail(x.i, "the name %q has a character that names must not have", clip(name))
	}
	x.i = i
	return name, true
}

func (x *scanner) space() bool {
	from := x.i
	for x.i < len(x.s) {
		switch x.s[x.i] {
		case ' ', '\t', '\n', '\r':
			x.i++
		default:
			return x.i > from
		}
	}
	return x.i > from
}

// startTag reads a start tag at x.i, after its '<', and stores its attributes in
// x.attr.
func (x *scanner) startTag() (name string, selfClosed, ok bool) {
	if name, ok = x.name(); !ok {
		return "", false, false
	}
	x.attr = x.attr[:0]
	for {
		from := x.i
		spaced := x.space()
		if x.i >= len(x.s) {
			return "", false, x.fail(x.i, "the tag <%s> is not closed", clip(name))
		}
		switch c := x.s[x.i]; {
		case c == '>':
			x.i++
			return name, false, true
		case c == '/':
			if x.i+1 >= len(x.s) || x.s[x.i+1] != '>' {
				return "", false, x.fail(x.i, "'/' in the tag <%s> is not followed by '>'", clip(name))
			}
			x.i += 2
			return name, true, true
		case !spaced:
			return "", false, x.fail(x.i, "white space is missing before an attribute of <%s>", clip(name))
		}
		if !x.attribute(from) {
			return "", false, false
		}
	}
}

func (x *scanner) attribute(from int) bool {
	at := x.i
	if len(x.attr) >= x.lim.MaxAttrs {
		return x.fail(at, "an element has more than %d attributes", x.lim.MaxAttrs)
	}
	name, ok := x.name()
	if !ok {
		return false
	}
	for k := range x.attr {
		if x.attr[k].name == name {
			return x.fail(at, "the attribute %q appears twice", clip(name))
		}
	}
	x.space()
	if x.i >= len(x.s) || x.s[x.i] != '=' {
		return x.fail(x.i, "the attribute %q has no value", clip(name))
	}
	x.i++
	x.space()
	if x.i >= len(x.s) || x.s[x.i] != '\'' && x.s[x.i] != '"' {
		return x.fail(x.i, "the value of attribute %q is not in quotes", clip(name))
	}
	quote := x.s[x.i]
	begin := x.i + 1
	changed := false
	for i := begin; i < len(x.s); {
		for i < len(x.s) && byteClass[x.s[i]] == plain {
			i++
		}
		if i == len(x.s) {
			break
		}
		switch c := x.s[i]; byteClass[c] {
		case multi:
			n := multiByte(x.s, i)
			if n == 0 {
				return x.fail(i, "the attribute %q holds bytes that are not UTF-8 or a character XML forbids", clip(name))
			}
			i += n
		case forbid:
			return x.fail(i, "the attribute %q holds the control character 0x%02x, which XML forbids", clip(name), c)
		case blank, newline:
			changed = true
			i++
		default:
			switch c {
			case quote:
				x.attr = append(x.attr, attribute{start: from, name: name, value: x.s[begin:i], valueEnd: i + 1, changed: changed})
				x.i = i + 1
				return true
			case '<':
				return x.fail(i, "the attribute %q holds an unescaped '<'; write &lt;", clip(name))
			case '&':
				_, n := entity(x.s, i)
				if n == 0 {
					return x.fail(i, "the attribute %q holds '&' that begins no known entity; write &amp;", clip(name))
				}
				changed = true
				i += n
			default:
				i++
			}
		}
	}
	return x.fail(begin, "the value of attribute %q does not end", clip(name))
}

// text checks character data up to the next '<' or the end.
func (x *scanner) text() bool {
	s, i := x.s, x.i
	for i < len(s) {
		for i < len(s) && byteClass[s[i]] == plain {
			i++
		}
		if i == len(s) {
			break
		}
		switch c := s[i]; byteClass[c] {
		case blank, newline:
			i++
		case multi:
			n := multiByte(s, i)
			if n == 0 {
				return x.fail(i, "bytes that are not UTF-8, or a character XML forbids")
			}
			i += n
		case forbid:
			return x.fail(i, "the control character 0x%02x, which XML forbids", c)
		default:
			switch c {
			case '<':
				x.i = i
				return true
			case '&':
				_, n := entity(s, i)
				if n == 0 {
					return x.fail(i, "'&' that begins no known entity; write &amp; (only lt, gt, amp, apos, quot and character references are allowed)")
				}
				i += n
			case ']':
				if strings.HasPrefix(s[i:], "]]>") {
					return x.fail(i, "\"]]>\" in text; write ]]&gt;")
				}
				i++
			default:
				i++
			}
		}
	}
	x.i = i
	return true
}

// cdata checks a CDATA section at x.i (at its '<').
func (x *scanner) cdata() bool {
	from := x.i + len("<![CDATA[")
	end := strings.Index(x.s[from:], "]]>")
	if end < 0 {
		return x.fail(x.i, "a CDATA section does not end")
	}
	if bad := CheckText(x.s[from : from+end]); bad >= 0 {
		return x.fail(from+bad, "a CDATA section holds a character XML forbids, or bytes that are not UTF-8")
	}
	x.i = from + end + 3
	return true
}

// clip shortens a name for an error text.
func clip(s string) string { return document.Clip(s, 40) }
