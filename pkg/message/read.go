package message

import (
	"strings"

	"stanzahook/pkg/stanza"
)

// Event is what somebody does with a message.
type Event string

// The events. An error is none.
const (
	None       Event = ""
	Said       Event = "message" // and whatever is not one of the others
	Correction Event = "correction"
	Reaction   Event = "reaction"
	Retraction Event = "retraction"
	Marker     Event = "marker"
	Receipt    Event = "receipt"
	Typing     Event = "typing"
	Invite     Event = "invite"
	Encrypted  Event = "encrypted"

	// Announced is a file whose address a later message brings, see [Features.Announces]. It is
	// none of Events: nobody can do anything with it yet.
	Announced Event = "announced"
)

// Events returns all events.
func Events() []Event {
	return []Event{Said, Correction, Reaction, Retraction, Marker, Receipt, Typing, Invite, Encrypted}
}

// DefaultEvents returns the events that an endpoint gets unless it says which.
func DefaultEvents() []Event {
	return []Event{Said, Correction, Reaction, Retraction, Invite, Encrypted}
}

// The namespaces of what is read and written.
const (
	nsReply      = "urn:xmpp:reply:0"
	nsReactions  = "urn:xmpp:reactions:0"
	nsCorrect    = "urn:xmpp:message-correct:0"
	nsRetract    = "urn:xmpp:message-retract:1"
	nsRetract0   = "urn:xmpp:message-retract:0"
	nsFasten     = "urn:xmpp:fasten:0"
	nsModerate   = "urn:xmpp:message-moderate:1"
	nsModerate0  = "urn:xmpp:message-moderate:0"
	nsMarkers    = "urn:xmpp:chat-markers:0"
	nsReceipts   = "urn:xmpp:receipts"
	nsChatStates = "http://jabber.org/protocol/chatstates"
	nsHints      = "urn:xmpp:hints"
	nsFallback   = "urn:xmpp:fallback:0"
	nsFallback0  = "urn:xmpp:feature-fallback:0" // before XEP-0428 had its own
	nsInvite     = "jabber:x:conference"
	nsMUCUser    = "http://jabber.org/protocol/muc#user"
	nsDelay      = "urn:xmpp:delay"
	nsOccupantID = "urn:xmpp:occupant-id:0"
	nsEME        = "urn:xmpp:eme:0"
	nsOMEMO1     = "eu.siacs.conversations.axolotl"
	nsOMEMO2     = "urn:xmpp:omemo:2"
	nsOpenPGP    = "urn:xmpp:openpgp:0"
	nsPGP        = "jabber:x:encrypted"
	nsOTR        = "urn:xmpp:otr:0"
	nsAttaching  = "urn:xmpp:message-attaching:1"
)

// NSRoom is the namespace of what stanzahook itself adds to the messages of rooms: they say
// nothing by it.
const NSRoom = "urn:stanzahook:room:0"

// Features are what [Read] finds in a message.
type Features struct {
	Event Event
	// child is the element of the event, unless it is Said; for Said a reply, if there is one, or
	// what it is attached to.
	child stanza.Child
	// body is that of the message.
	body           stanza.Child
	hasBody, files bool
	fallback       bool
}

// Read finds what a message is, in one pass over the children that the stanza has parsed,
// without an allocation.
func Read(s *stanza.Stanza) Features {
	var f Features
	if s.Kind != stanza.Message || s.Type == "error" {
		return f
	}
	f.Event = Said
	best, other := rankNone, false
	for _, c := range s.Children() {
		event, rank := classify(s, c)
		switch {
		case rank == rankBody:
			if !f.hasBody || !inLanguage(s, f.body) && inLanguage(s, c) {
				f.body, f.hasBody = c, true
			}
		case rank == rankFiles:
			f.files, other = true, true
		case rank == rankFallback:
			f.fallback = true
		case rank == rankOther:
			other = true
		}
		if rank > best && rank >= rankTyping {
			f.Event, f.child, best = event, c, rank
		}
	}
	switch {
	case best == rankEncrypted:
	case f.hasBody && strings.HasPrefix(s.ChildText(f.body), "?OTR"):
		f.Event = Encrypted
	case f.hasBody && best < rankInvite: // a chat state or a request for a receipt goes with it
		f.Event = Said
	case best == rankTyping && other:
		f.Event = Said
	}
	if f.files && f.Event == Said && !f.hasBody && f.Announces(s) {
		f.Event = Announced
	}
	return f
}

// inLanguage reports whether a body is in the language of its stanza: it says no other (RFC
// 6121 section 5.2.3).
func inLanguage(s *stanza.Stanza, body stanza.Child) bool {
	lang, ok := s.ChildAttr(body, "xml:lang")
	return !ok || lang == "" || strings.EqualFold(lang, s.Lang)
}

// rank orders what a message has: the event is that of the child with the highest.
type rank int

const (
	rankNone     rank = iota
	rankBeside        // goes with anything
	rankFallback      // goes with a body
	rankBody
	rankOther // says something that is not known here
	rankFiles
	rankTyping
	rankReceipt
	rankMarker
	rankAttached // of a message
	rankReply    // of a message
	rankInvite
	rankCorrection
	rankReaction
	rankRetraction
	rankEncrypted
)

func classify(s *stanza.Stanza, c stanza.Child) (Event, rank) {
	switch c.Space {
	case "":
		switch c.Local {
		case "body":
			return Said, rankBody
		case "thread":
			return Said, rankBeside
		}
	case nsStanzaID, nsHints, nsDelay, nsOccupantID, NSRoom:
		return Said, rankBeside
	case nsChatStates:
		return Typing, rankTyping
	case nsReceipts:
		if c.Local == "received" {
			return Receipt, rankReceipt
		}
		return Said, rankBeside
	case nsMarkers:
		switch c.Local {
		case "displayed", "acknowledged":
			return Marker, rankMarker
		case "received":
			return Receipt, rankReceipt
		}
		return Said, rankBeside
	case nsFallback, nsFallback0:
		return Said, rankFallback
	case nsReply:
		if c.Local == "reply" {
			return Said, rankReply
		}
	case nsReactions:
		if c.Local == "reactions" {
			return Reaction, rankReaction
		}
	case nsCorrect:
		if c.Local == "replace" {
			return Correction, rankCorrection
		}
	case nsRetract:
		if c.Local == "retract" {
			return Retraction, rankRetraction
		}
	case nsFasten:
		if c.Local == "apply-to" && retracts(s.Element(c)) != nil {
			return Retraction, rankRetraction
		}
	case nsInvite:
		if c.Local == "x" {
			return Invite, rankInvite
		}
	case nsMUCUser:
		if strings.Contains(s.ChildXML(c), "invite") && s.Element(c).Child(nsMUCUser, "invite") != nil {
			return Invite, rankInvite
		}
		return Said, rankBeside
	case nsEME, nsOMEMO1, nsOMEMO2, nsOpenPGP, nsPGP, nsOTR:
		return Encrypted, rankEncrypted
	case nsFiles, nsOOB, nsReference:
		return Said, rankFiles
	case nsAttaching:
		if c.Local == "attach-to" {
			return Said, rankAttached
		}
	}
	return Said, rankOther
}

// retracts returns the element that retracts in <apply-to/> (XEP-0424 before 0.4), or that
// moderates (XEP-0425 before 0.3); nil if it does neither.
func retracts(e *stanza.Element) *stanza.Element {
	if m := e.Child(nsModerate0, "moderated"); m != nil && m.Child(nsRetract0, "retract") != nil {
		return m
	}
	return e.Child(nsRetract0, "retract")
}

// HasBody reports whether the message has a body.
func (f *Features) HasBody() bool { return f.hasBody }

// Of returns the id of the message that the event, or a reply, is about; "" if it is about
// none.
func (f *Features) Of(s *stanza.Stanza) string {
	switch f.Event {
	case Said:
		if f.child.Local != "reply" {
			return ""
		}
	case Correction, Reaction, Retraction, Marker, Receipt:
	default:
		return ""
	}
	id, _ := s.ChildAttr(f.child, "id")
	return id
}

// Replies reports whether a message is a reply to another one (XEP-0461).
func (f *Features) Replies() bool { return f.Event == Said && f.child.Local == "reply" }

// Attaches reports whether a message brings the address of a file that an earlier one has
// announced (XEP-0367, as XEP-0447 section 4.3 has it).
func (f *Features) Attaches() bool { return f.Event == Said && f.child.Local == "attach-to" }

// ByStanzaID reports whether that id is, in a room that gives stanza-ids, the one that it gave. A
// marker that names the sender has the id of the stanza: so does Conversations for a message
// whose stanza-id it does not know.
func (f *Features) ByStanzaID(s *stanza.Stanza) bool {
	switch f.Event {
	case Correction, Receipt:
		return false
	case Marker:
		_, names := s.ChildAttr(f.child, "sender")
		return !names
	}
	return true
}

// Emoji returns the reactions, each once (XEP-0444 section 4.1); none takes them back.
func (f *Features) Emoji(s *stanza.Stanza) []string {
	all := []string{}
	if f.Event != Reaction {
		return all
	}
	e := s.Element(f.child)
	for i := range e.Children {
		c := &e.Children[i]
		if text := strings.TrimSpace(c.Text); c.Local == "reaction" && c.Space == nsReactions && text != "" && !contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}

func contains(all []string, s string) bool {
	for _, x := range all {
		if x == s {
			return true
		}
	}
	return false
}

// Moderator returns who has moderated a retraction, and whether it says so (XEP-0425). It
// counts only if the room itself has sent it: anybody can write this.
func (f *Features) Moderator(s *stanza.Stanza) (by string, moderated bool) {
	if f.Event != Retraction {
		return "", false
	}
	e := s.Element(f.child)
	m := e.Child(nsModerate, "moderated")
	if m == nil && e.Space == nsFasten {
		m = e.Child(nsModerate0, "moderated")
	}
	if m == nil {
		return "", false
	}
	by, _ = m.Attr("by")
	return by, true
}
