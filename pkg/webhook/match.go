package webhook

import (
	"slices"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Match selects stanzas. Each set field must match, of a list one entry; the zero Match
// matches every stanza.
type Match struct {
	To, From []jid.Glob // on the bare addresses
	Types    []string   // "normal" and "available" also stand for no type, "normal" for one that is not known
	Payloads []Payload  // any direct child
	Body     bool       // has a body

	// Of events of rooms.
	Mention             bool       // the bot is meant; always true of a chat
	Own                 bool       // the bot's own words, and no others
	Affiliations, Roles []string   // of the author
	RealFrom            []jid.Glob // on the author's bare address, if the room shows it
}

// Payload is the name of a direct child of a stanza; an empty Name matches every
// name in the namespace.
type Payload struct{ NS, Name string }

// Matches reports whether a stanza is selected.
func (m *Match) Matches(s *stanza.Stanza) bool { return m.mismatch(s, RoomOf(s), false) == "" }

// mismatch returns the key of the configuration by which a stanza is not selected; empty
// if it is.
func (m *Match) mismatch(s *stanza.Stanza, room *Room, isCopy bool) string {
	if key := m.mismatchRoom(s, room, isCopy); key != "" {
		return key
	}
	if len(m.Types) > 0 && !slices.Contains(m.Types, s.EffectiveType()) {
		return "match.type"
	}
	if m.Body {
		if _, ok := s.Child("", "body"); !ok {
			return "match.body"
		}
	}
	switch {
	case !matchPayload(m.Payloads, s):
		return "match.payload"
	case !matchAddress(m.To, s.To):
		return "match.to"
	case !matchAddress(m.From, s.From):
		return "match.from"
	}
	return ""
}

// mismatchRoom is mismatch for what only events of rooms have.
func (m *Match) mismatchRoom(s *stanza.Stanza, room *Room, isCopy bool) string {
	if room == nil {
		switch {
		case m.Own:
			return "match.own"
		case m.Mention && s.Type == "groupchat":
			return "match.mention"
		case len(m.Affiliations) > 0:
			return "match.affiliation"
		case len(m.Roles) > 0:
			return "match.role"
		case len(m.RealFrom) > 0:
			return "match.real_from"
		}
		return ""
	}
	switch happening := room.Happening(); {
	case m.Own != room.Own && !(room.Own && isCopy):
		return "match.own"
	case happening && len(m.Types) > 0:
		return "match.type"
	case happening && m.Body:
		return "match.body"
	case m.Mention && (happening || s.Type == "groupchat" && !room.Mention):
		return "match.mention"
	case len(m.Affiliations) > 0 && !slices.Contains(m.Affiliations, room.Affiliation):
		return "match.affiliation"
	case len(m.Roles) > 0 && !slices.Contains(m.Roles, room.Role):
		return "match.role"
	case len(m.RealFrom) > 0 && (room.RealJID == "" || !matchAddress(m.RealFrom, jid.FromServer(room.RealJID))):
		return "match.real_from"
	}
	return ""
}

func matchAddress(globs []jid.Glob, j jid.JID) bool {
	if len(globs) == 0 {
		return true
	}
	bare := j.Bare()
	for _, g := range globs {
		if g.Match(bare) {
			return true
		}
	}
	return false
}

func matchPayload(payloads []Payload, s *stanza.Stanza) bool {
	for _, p := range payloads {
		if p.NS == stanza.NSClient || p.NS == stanza.NSComponent {
			p.NS = "" // the namespace of stanzas differs from stream to stream
		}
		if _, ok := s.Child(p.NS, p.Name); ok {
			return true
		}
	}
	return len(payloads) == 0
}
