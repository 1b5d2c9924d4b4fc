package component

import (
	"fmt"

	"stanzahook/pkg/stanza"
)

// Pattern says which stanzas a handler is for. Empty fields match anything;
// Space and Local are those of the first child.
type Pattern struct {
	Kind         stanza.Kind
	Type         string
	Space, Local string
}

// Mux routes by kind, type and payload; the pattern that names more wins.
type Mux struct{ handlers map[Pattern]Handler }

// Register registers a handler. Registering a pattern twice is a mistake in the
// wiring and panics.
func (m *Mux) Register(p Pattern, h Handler) {
	if m.handlers == nil {
		m.handlers = make(map[Pattern]Handler)
	}
	if _, taken := m.handlers[p]; taken {
		panic(fmt.Sprintf("component: two handlers for %+v", p))
	}
	m.handlers[p] = h
}

// Handle implements Handler.
func (m *Mux) Handle(in *Incoming) bool {
	c, _ := in.Payload()
	full := Pattern{in.Kind, in.Type, c.Space, c.Local}
	for _, p := range [...]Pattern{
		full,
		{full.Kind, full.Type, full.Space, ""},
		{full.Kind, "", full.Space, full.Local},
		{full.Kind, "", full.Space, ""},
		{full.Kind, full.Type, "", ""},
		{full.Kind, "", "", ""},
	} {
		if h, ok := m.handlers[p]; ok && h.Handle(in) {
			return true
		}
	}
	return false
}
