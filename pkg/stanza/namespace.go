package stanza

import (
	"slices"
	"strings"
)

// Namespaces of the stream.
const (
	NSComponent = "jabber:component:accept"             // XEP-0114
	NSClient    = "jabber:client"                       // RFC 6120
	NSStream    = "http://etherx.jabber.org/streams"    // RFC 6120
	NSStanzas   = "urn:ietf:params:xml:ns:xmpp-stanzas" // RFC 6120 section 8.3
	NSStreams   = "urn:ietf:params:xml:ns:xmpp-streams" // RFC 6120 section 4.9
	NSXML       = "http://www.w3.org/XML/1998/namespace"
	nsXMLNS     = "http://www.w3.org/2000/xmlns/"
)

// Namespace binds a prefix; the empty prefix is the default namespace.
type Namespace struct{ Prefix, URI string }

// contentNamespace reports whether uri is a namespace of stanzas. In every stream a
// stanza and its own children (body, subject, error) are in the stream's default
// namespace, whatever its name.
func contentNamespace(uri string) bool {
	return uri == "" || uri == NSComponent || uri == NSClient
}

func prefixOf(name string) (prefix, local string) {
	if i := strings.IndexByte(name, ':'); i >= 0 {
		return name[:i], name[i+1:]
	}
	return "", name
}

// declare adds the namespace declarations of the tag just read.
func (x *scanner) declare(depth int) bool {
	for k := range x.attr {
		a := &x.attr[k]
		var prefix string
		switch {
		case a.name == "xmlns":
		case strings.HasPrefix(a.name, "xmlns:"):
			prefix = a.name[len("xmlns:"):]
		default:
			continue
		}
		uri := a.text()
		switch {
		case prefix == "xmlns" || uri == nsXMLNS:
			return x.fail(a.start, "the prefix and the namespace \"xmlns\" must not be declared")
		case (prefix == "xml") != (uri == NSXML):
			return x.fail(a.start, "the prefix \"xml\" and its namespace belong together and to nothing else")
		case prefix != "" && uri == "":
			return x.fail(a.start, "the prefix %q is declared with an empty namespace", clip(prefix))
		case len(x.bind) >= x.lim.MaxBindings:
			return x.fail(a.start, "more than %d namespace declarations are in scope here", x.lim.MaxBindings)
		}
		x.bind = append(x.bind, binding{prefix, uri, depth})
	}
	return true
}

// undeclare drops the bindings of depth and deeper.
func (x *scanner) undeclare(depth int) {
	n := len(x.bind)
	for n > 0 && x.bind[n-1].depth >= depth {
		n--
	}
	x.bind = x.bind[:n]
}

// resolve returns the binding of a prefix, nil if there is none.
func (x *scanner) resolve(prefix string) *binding {
	for k := len(x.bind) - 1; k >= 0; k-- {
		if x.bind[k].prefix == prefix {
			return &x.bind[k]
		}
	}
	return nil
}

// prefixes checks that every prefix of the tag just read is declared and that no two
// attributes are the same after resolving. It adds prefixes that are declared
// outside of the element to x.outer.
func (x *scanner) prefixes(name string, at int) (uri string, ok bool) {
	prefix, _ := prefixOf(name)
	if prefix == "xmlns" {
		return "", x.fail(at, "an element must not have the prefix \"xmlns\"")
	}
	if uri, ok = x.lookUp(prefix, at); !ok {
		return "", false
	}
	for k := range x.attr {
		a := &x.attr[k]
		p, local := prefixOf(a.name)
		if p == "" || p == "xmlns" {
			continue
		}
		if x.dropping && p != "xml" && x.resolve(p) == nil {
			x.dropped = append(x.dropped, span{int32(a.start), int32(a.valueEnd)})
			continue
		}
		if a.uri, ok = x.lookUp(p, at); !ok {
			return "", false
		}
		for j := range k {
			// Attributes without a prefix are in no namespace.
			if b := &x.attr[j]; b.uri == a.uri && strings.HasSuffix(b.name, local) && b.name[len(b.name)-len(local)-1] == ':' {
				return "", x.fail(a.start, "the attribute %q appears twice under two prefixes", clip(local))
			}
		}
	}
	return uri, true
}

func (x *scanner) lookUp(prefix string, at int) (uri string, ok bool) {
	if prefix == "xml" {
		return NSXML, true
	}
	b := x.resolve(prefix)
	if b == nil {
		return "", prefix == "" || x.fail(at, "the prefix %q is not declared", clip(prefix))
	}
	if n := (Namespace{prefix, b.uri}); b.depth < 0 && prefix != "" && !slices.Contains(x.outer, n) {
		x.outer = append(x.outer, n)
	}
	return b.uri, true
}
