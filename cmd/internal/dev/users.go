package dev

import (
	"fmt"
	"strings"

	"stanzahook/cmd/internal/terminal"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// onStanza shows what the bot sends, and answers as a server with these users and rooms
// would.
func (s *session) onStanza(x *stanza.Stanza) string {
	switch x.Kind {
	case stanza.IQ:
		return s.onIQ(x)
	case stanza.Presence:
		return s.onPresence(x)
	}
	s.onMessage(x)
	if x.Type == "groupchat" && x.To.Domain() == roomHost {
		return echo(x)
	}
	return ""
}

// onMessage shows a message, and keeps it for expectations.
func (s *session) onMessage(x *stanza.Stanza) {
	body, hasBody := x.Body()
	head := s.nameOf(x.From) + s.receiverOf(x) + ": "
	got := received{body: body}
	switch e, isError := x.StanzaError(); {
	case isError:
		got = received{condition: string(e.Condition), text: e.Text}
		s.screen.Print(terminal.Red, head+got.String())
	case hasBody:
		s.screen.Print(terminal.Plain, head+strings.ReplaceAll(body, "\n", "\n  "))
	default: // a receipt, or a chat state
		if c, ok := x.Payload(); ok {
			s.screen.Print(terminal.Dim, fmt.Sprintf("%s<%s xmlns='%s'>", head, c.Local, c.Space))
		}
		return
	}
	key := x.To.Bare().String()
	s.change(func() { s.got[key] = append(s.got[key], got) })
}

// onIQ shows a request to a user. No user's client answers any.
func (s *session) onIQ(x *stanza.Stanza) string {
	if x.Type != "get" && x.Type != "set" {
		return ""
	}
	if x.To.Domain() == userHost && x.To.Local() != "" {
		if c, ok := x.Payload(); ok {
			s.screen.Print(terminal.Dim, fmt.Sprintf("%s%s: iq %s <%s xmlns='%s'>, which is answered with service-unavailable", s.nameOf(x.From), s.receiverOf(x), x.Type, c.Local, c.Space))
		}
	}
	answer, err := x.ErrorReply(&stanza.Error{Type: stanza.Cancel, Condition: stanza.ServiceUnavailable}, stanza.Limits{})
	if err != nil {
		return ""
	}
	return answer.XML()
}

// onPresence shows presence. A room lets everybody in.
func (s *session) onPresence(x *stanza.Stanza) string {
	kind := x.Type
	if kind == "" {
		kind = "available"
	}
	s.screen.Print(terminal.Dim, fmt.Sprintf("%s%s: presence %s", s.nameOf(x.From), s.receiverOf(x), kind))
	if x.To.Domain() != roomHost || x.To.Resource() == "" || x.Type != "" && x.Type != "unavailable" {
		return ""
	}
	h := stanza.Header{Kind: stanza.Presence, Type: x.Type, ID: x.ID, From: x.To, To: x.From}
	answer, err := stanza.Build(h, "<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/><status code='110'/></x>", stanza.Limits{})
	if err != nil {
		return ""
	}
	return answer.XML()
}

// echo is a message to a room as its author gets it back (XEP-0045 section 7.4). The author's
// nickname is the localpart of its address.
func echo(x *stanza.Stanza) string {
	from, err := x.To.Bare().WithResource(x.From.Local())
	if err != nil {
		return ""
	}
	h := x.Header
	h.From, h.To = from, x.From
	back, err := x.With(h, stanza.Limits{})
	if err != nil {
		return ""
	}
	return back.XML()
}

// nameOf is an address as it is shown: addresses of the bot without their domain.
func (s *session) nameOf(j jid.JID) string {
	if j.Domain() == botHost && j.Local() != "" {
		return j.Local()
	}
	return j.Bare().String()
}

// receiverOf names who gets a stanza.
func (s *session) receiverOf(x *stanza.Stanza) string {
	switch {
	case x.To.Domain() == roomHost:
		return " in " + x.To.Local()
	case x.To.Domain() == userHost:
		return " to " + x.To.Local()
	}
	return " to " + x.To.Bare().String()
}
