package webhook

import (
	"slices"
	"strconv"

	"stanzahook/pkg/stanza"
)

// nsHops is the namespace of the element that counts how often the answers of
// webhooks have gone between addresses of our own components, one after the other:
// <hops xmlns='urn:stanzahook:hops:0'>2</hops>. Two bots that answer each other, or
// one that writes to itself, would go on without end.
//
// Nobody else can write it: it is put into an answer here, taken out of what
// callers and bots give us to send, and counts only in what comes from a domain of
// one of our components, for which the XMPP server lets nobody else send.
const nsHops = "urn:stanzahook:hops:0"

// MaxHops is how many answers may follow one another.
const MaxHops = 5

// WithoutHops returns a stanza without a count that somebody else wrote into it.
func WithoutHops(s *stanza.Stanza) (*stanza.Stanza, error) {
	if _, has := s.Child(nsHops, ""); !has {
		return s, nil
	}
	return s.Without(nsHops, stanza.Limits{MaxBytes: len(s.XML()) + 1})
}

// own reports whether a domain is one of our components'.
func (e *Endpoint) own(domain string) bool { return slices.Contains(e.Components, domain) }

// Admit takes a count out of an event that is not from one of our components.
func (e *Endpoint) Admit(ev *Event) {
	if e.own(ev.Stanza.From.Domain()) {
		return
	}
	if s, err := WithoutHops(ev.Stanza); err == nil {
		ev.Stanza = s
	}
}

// Looped reports whether an event is the end of a loop, which is not delivered.
func (e *Endpoint) Looped(ev *Event) bool { return !e.Copy && e.hops(ev.Stanza) > MaxHops }

// hops is the count in a stanza of ours.
func (e *Endpoint) hops(s *stanza.Stanza) int {
	c, has := s.Child(nsHops, "hops")
	if !has || !e.own(s.From.Domain()) {
		return 0
	}
	n, err := strconv.Atoi(s.ChildText(c))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// Counted is a stanza that follows from an event, with the count if it goes to an
// address of ours, and without one that somebody else wrote into it. Without the
// count, which is the error, it could go round for ever.
func (e *Endpoint) Counted(ev *Event, s *stanza.Stanza) (*stanza.Stanza, error) {
	toUs := e.own(s.To.Domain()) && s.Kind != stanza.IQ
	if _, has := s.Child(nsHops, ""); has || toUs {
		if clean, err := WithoutHops(s); err == nil {
			s = clean
		}
	}
	if !toUs {
		return s, nil
	}
	count := "<hops xmlns='" + nsHops + "'>" + strconv.Itoa(e.hops(ev.Stanza)+1) + "</hops>"
	// What is empty gets an end tag, too.
	return s.Append(count, stanza.Limits{MaxBytes: len(s.XML()) + len(count) + len("</presence>") + 1})
}
