package gateway

import (
	"fmt"
	"slices"
	"strings"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// MayUseRoom returns why the caller may not read, speak or change anything in a room; nil if
// it may. The error is a [*Refusal].
func (c Caller) MayUseRoom(room jid.JID) error {
	if len(c.Rooms) == 0 || slices.ContainsFunc(c.Rooms, func(g jid.Glob) bool { return g.Match(room.Bare()) }) {
		return nil
	}
	return &Refusal{text: fmt.Sprintf("the token may not use the room %s; allowed are %s", room.Bare(), patterns(c.Rooms))}
}

// nsMUC is the beginning of the namespaces of XEP-0045.
const nsMUC = "http://jabber.org/protocol/muc"

// isForRoom reports whether a stanza is for a room, or for somebody in it: it is addressed to
// one that we know, or has what only rooms understand.
func (c Caller) isForRoom(s *stanza.Stanza) bool {
	if s.Type == "groupchat" || c.IsRoom != nil && c.IsRoom(s.To.Bare()) {
		return true
	}
	return slices.ContainsFunc(s.Children(), func(child stanza.Child) bool {
		return child.Space == nsMUC || strings.HasPrefix(child.Space, nsMUC+"#")
	})
}
