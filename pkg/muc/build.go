package muc

import "stanzahook/pkg/stanza"

// Namespaces.
const (
	nsMUC      = "http://jabber.org/protocol/muc"
	nsUser     = "http://jabber.org/protocol/muc#user"
	nsOwner    = "http://jabber.org/protocol/muc#owner"
	nsDisco    = "http://jabber.org/protocol/disco#info"
	nsDelay    = "urn:xmpp:delay"
	nsID       = "urn:xmpp:sid:0"
	nsOccupant = "urn:xmpp:occupant-id:0"
	nsArchive  = "urn:xmpp:mam:2"
	nsForward  = "urn:xmpp:forward:0"
	nsRSM      = "http://jabber.org/protocol/rsm"
	nsRetract  = "urn:xmpp:message-retract:1"
	nsFasten   = "urn:xmpp:fasten:0"
)

// send adds a stanza to the output. Its parts were checked when they came in.
func (r *Room) send(h stanza.Header, inner string) {
	if s, err := stanza.Build(h, inner, stanza.Limits{}); err == nil {
		r.out.Send = append(r.out.Send, s)
	}
}

func (r *Room) sendPresence(nick, typ, inner string) {
	if typ == "" && r.o.Presence != nil {
		inner += r.o.Presence()
	}
	if to, err := r.o.Room.WithResource(nick); err == nil {
		r.send(stanza.Header{Kind: stanza.Presence, Type: typ, From: r.o.Self, To: to}, inner)
	}
}

// ask sends an IQ to the room itself, whose answer a timer waits for.
func (r *Room) ask(id, typ, inner string) {
	r.send(stanza.Header{Kind: stanza.IQ, Type: typ, ID: id, From: r.o.Self, To: r.o.Room}, inner)
}

// element returns a child of a stanza as a tree; nil if there is none.
func element(s *stanza.Stanza, space, local string) *stanza.Element {
	c, ok := s.Child(space, local)
	if !ok {
		return nil
	}
	return s.Element(c)
}

// attr returns an attribute of an element that may be nil.
func attr(e *stanza.Element, name string) string {
	if e == nil {
		return ""
	}
	v, _ := e.Attr(name)
	return v
}
