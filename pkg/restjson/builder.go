package restjson

import "stanzahook/pkg/stanza"

// builder writes one element. What goes into it has been checked.
type builder struct {
	local   string
	attrs   []byte
	content []byte
}

func (b *builder) attr(name, value string) { b.attrs = stanza.AppendAttr(b.attrs, name, value) }

func (b *builder) text(s string) { b.content = stanza.AppendText(b.content, s) }

// child puts an element inside; an empty space means that of its parent.
func (b *builder) child(space string, c *builder) { b.content = c.appendXML(b.content, space) }

func (b *builder) appendXML(dst []byte, space string) []byte {
	dst = append(append(dst, '<'), b.local...)
	if space != "" {
		dst = stanza.AppendAttr(dst, "xmlns", space)
	}
	dst = append(dst, b.attrs...)
	if len(b.content) == 0 {
		return append(dst, '/', '>')
	}
	dst = append(append(dst, '>'), b.content...)
	return append(append(append(dst, '<', '/'), b.local...), '>')
}
