package stanza

import (
	"fmt"
	"strings"
)

// ParseDocument is [Parse] for a stanza that a program wrote as an XML document.
// Such programs may use a prefix for the stanza's own namespace, as Python's
// ElementTree does (<ns0:message xmlns:ns0='jabber:client'>). ParseDocument removes
// the prefix, which streams do not have.
func ParseDocument(raw string, lim Limits) (*Stanza, error) {
	if strings.Contains(raw, "xmlns:") && (strings.Contains(raw, NSClient) || strings.Contains(raw, NSComponent)) {
		plain, err := unprefixed(raw, lim)
		if err != nil {
			return nil, err
		}
		raw = plain
	}
	return Parse(raw, lim)
}

// unprefixed removes the prefixes of content namespaces and declares the default
// namespaces that elements then need.
func unprefixed(raw string, lim Limits) (string, error) {
	p := prefixRemover{scanner: scanner{lim: lim.withDefaults()}}
	p.reset(raw)
	for p.i < len(raw) {
		from := p.i
		ok := true
		switch rest := raw[p.i:]; {
		case rest[0] != '<':
			ok = p.text()
		case strings.HasPrefix(rest, "</"):
			ok = p.endTag()
			from = p.i
		case strings.HasPrefix(rest, "<![CDATA["):
			ok = p.cdata()
		case rest[1:] != "" && (rest[1] == '!' || rest[1] == '?'):
			ok = p.restricted(rest)
		default:
			ok = p.startTag()
			from = p.i
		}
		if !ok {
			return "", p.err
		}
		p.out = append(p.out, raw[from:p.i]...)
	}
	return string(p.out), nil
}

// prefixRemover copies XML without the prefixes of content namespaces.
type prefixRemover struct {
	scanner
	out     []byte
	written []writtenElement // the open elements
}

// writtenElement is the name of an element in the output, and the default
// namespace inside it there.
type writtenElement struct{ name, space string }

// space returns the default namespace at the end of the output.
func (p *prefixRemover) space() string {
	if len(p.written) == 0 {
		return ""
	}
	return p.written[len(p.written)-1].space
}

func (p *prefixRemover) startTag() bool {
	name, uri, selfClosed, ok := p.scanner.open()
	if !ok {
		return false
	}
	e := writtenElement{name, p.space()}
	declared := false // the element declares the default namespace
	for k := range p.attr {
		if a := &p.attr[k]; a.name == "xmlns" {
			declared = true
			e.space = a.text()
		}
	}
	prefix, local := prefixOf(name)
	own := prefix != "" && contentNamespace(uri)
	missing := ""
	switch {
	case own:
		e.name, declared = local, false
		if e.space = p.space(); !contentNamespace(e.space) {
			missing, e.space = NSClient, NSClient
		}
	case prefix == "" && !declared && uri != e.space && !(contentNamespace(uri) && contentNamespace(e.space)):
		missing, e.space = uri, uri
	}
	p.out = append(append(p.out, '<'), e.name...)
	if missing != "" {
		p.out = AppendAttr(p.out, "xmlns", missing)
	}
	p.attributes(own)
	if selfClosed {
		p.out = append(p.out, '/')
		p.leave()
	} else {
		p.written = append(p.written, e)
	}
	p.out = append(p.out, '>')
	return true
}

// attributes writes the attributes of the tag just read, without declarations of
// removed prefixes, and without attributes in a content namespace, which no stanza
// has.
func (p *prefixRemover) attributes(own bool) {
	for k := range p.attr {
		a := &p.attr[k]
		prefix, _ := prefixOf(a.name)
		switch {
		case a.name == "xmlns" && own:
			continue
		case prefix == "xmlns" && contentNamespace(a.text()):
			continue
		case prefix != "" && prefix != "xmlns" && prefix != "xml":
			if b := p.resolve(prefix); b != nil && contentNamespace(b.uri) {
				continue
			}
		}
		p.out = append(p.out, p.s[a.start:a.valueEnd]...)
	}
}

func (p *prefixRemover) endTag() bool {
	if !p.close() {
		return false
	}
	top := len(p.written) - 1
	p.out = fmt.Appendf(p.out, "</%s>", p.written[top].name)
	p.written = p.written[:top]
	return true
}
