package rest

import (
	"context"
	"strings"

	"stanzahook/pkg/stanza"
)

// Archiver asks an archive (XEP-0313) and returns the results, in order, and the
// answer of the IQ behind them. Its other ends are those of a [Requester], and
// gateway.ErrTooMuch.
type Archiver interface {
	Query(ctx context.Context, s *stanza.Stanza) ([]*stanza.Stanza, error)
}

// asksArchive reports whether the answer of an IQ comes with messages before it
// (XEP-0313 section 4).
func asksArchive(s *stanza.Stanza) bool {
	c, ok := s.Payload()
	return ok && s.Type == "set" && c.Local == "query" && strings.HasPrefix(c.Space, "urn:xmpp:mam:")
}

// ask returns what an IQ is answered with: one stanza, or those of an archive.
func (h handler) ask(ctx context.Context, s *stanza.Stanza) ([]*stanza.Stanza, error) {
	if h.Archiver != nil && asksArchive(s) {
		return h.Archiver.Query(ctx, s)
	}
	reply, err := h.Requester.Request(ctx, s)
	if err != nil {
		return nil, err
	}
	return []*stanza.Stanza{reply}, nil
}
