package stanza

import (
	"fmt"
	"strings"
)

// ParseDocument reads one stanza as [Parse] does, from XML that a program wrote
// as a document of its own. Such programs may give the stanza's own namespace a
// prefix (<ns0:message xmlns:ns0='jabber:client'>, as Python's ElementTree
// does): the elements are read without it. In a stream there is none.
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

// unprefixed returns the XML with the prefixes of content namespaces left out,
// and with the default namespaces declared that elements need then.
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

// prefixRemover copies XML. Of each open element it knows how it is written in
// out, and the default namespace there.
type prefixRemover struct {
	scanner
	out  []byte
	open []openElement
}

type openElement struct{ name, written, space string }

// space is the default namespace at this place of out.
func (p *prefixRemover) space() string {
	if len(p.open) == 0 {
		return ""
	}
	return p.open[len(p.open)-1].space
}

func (p *prefixRemover) startTag() bool {
	at := p.i
	p.i++
	name, selfClosed, ok := p.scanner.startTag()
	if !ok {
		return false
	}
	depth := len(p.open)
	if depth >= p.lim.MaxDepth {
		return p.fail(at, "elements nest deeper than %d", p.lim.MaxDepth)
	}
	if !p.declare(depth) {
		return false
	}
	uri, ok := p.prefixes(name, at)
	if !ok {
		return false
	}
	e := openElement{name: name, written: name, space: p.space()}
	declared := false // the default namespace, by the element itself
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
		e.written, declared = local, false
		if e.space = p.space(); !contentNamespace(e.space) {
			missing, e.space = NSClient, NSClient
		}
	case prefix == "" && !declared && uri != e.space && !(contentNamespace(uri) && contentNamespace(e.space)):
		missing, e.space = uri, uri
	}
	p.out = append(append(p.out, '<'), e.written...)
	if missing != "" {
		p.out = AppendAttr(p.out, "xmlns", missing)
	}
	p.attributes(own)
	if selfClosed {
		p.out = append(p.out, '/')
		p.undeclare(depth)
	} else {
		p.open = append(p.open, e)
	}
	p.out = append(p.out, '>')
	return true
}

// attributes writes those of the tag just read, without declarations of the
// prefixes that are left out, and without attributes of a content namespace,
// which no stanza has.
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
	at := p.i
	top := len(p.open) - 1
	if top < 0 {
		return p.fail(at, "an end tag without a start tag")
	}
	e := p.open[top]
	rest, ok := strings.CutPrefix(p.s[at+2:], e.name)
	rest = strings.TrimLeft(rest, " \t\r\n")
	if !ok || !strings.HasPrefix(rest, ">") {
		return p.fail(at, "the end tag does not match <%s>", clip(e.name))
	}
	p.i = len(p.s) - len(rest) + 1
	p.out = fmt.Appendf(p.out, "</%s>", e.written)
	p.open = p.open[:top]
	p.undeclare(top)
	return true
}
