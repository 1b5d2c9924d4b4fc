package restjson

import "stanzahook/pkg/stanza"

// element is one that is being written. What goes into it has been checked.
type element struct {
	local   string
	attrs   []byte
	content []byte
}

func (e *element) attr(name, value string) { e.attrs = stanza.AppendAttr(e.attrs, name, value) }

func (e *element) text(s string) { e.content = stanza.AppendText(e.content, s) }

// child puts an element inside; an empty space means that of its parent.
func (e *element) child(space string, c *element) { e.content = c.appendXML(e.content, space) }

func (e *element) appendXML(dst []byte, space string) []byte {
	dst = append(append(dst, '<'), e.local...)
	if space != "" {
		dst = stanza.AppendAttr(dst, "xmlns", space)
	}
	dst = append(dst, e.attrs...)
	if len(e.content) == 0 {
		return append(dst, '/', '>')
	}
	dst = append(append(dst, '>'), e.content...)
	return append(append(append(dst, '<', '/'), e.local...), '>')
}
