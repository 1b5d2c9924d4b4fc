package rest

import (
	"context"
	"strings"

	"stanzahook/pkg/stanza"
)

// asksArchive reports whether the answer of an IQ comes with messages before it
// (XEP-0313 section 4).
func asksArchive(s *stanza.Stanza) bool {
	c, ok := s.Payload()
	return ok && s.Type == "set" && c.Local == "query" && strings.HasPrefix(c.Space, "urn:xmpp:mam:")
}

// ask returns the answer of an IQ: one stanza, or those of an archive.
func (h handler) ask(ctx context.Context, s *stanza.Stanza) ([]*stanza.Stanza, error) {
	if h.Query != nil && asksArchive(s) {
		return h.Query(ctx, s)
	}
	reply, err := h.Sender.Request(ctx, s)
	if err != nil {
		return nil, err
	}
	return []*stanza.Stanza{reply}, nil
}
