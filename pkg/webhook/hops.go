package webhook

import (
	"slices"
	"strconv"

	"stanzahook/pkg/stanza"
)

// nsHops is the namespace of the element that counts the replies of
// webhooks that followed one another between addresses of our own components:
// <hops xmlns='urn:stanzahook:hops:0'>2</hops>. Without it, two bots that answer each
// other, or one that writes to itself, would never stop.
//
// Nobody else can write it: it is added to replies here, removed from the stanzas of
// callers and bots, and counts only in stanzas from a domain of
// one of our components, for which the XMPP server lets nobody else send.
const nsHops = "urn:stanzahook:hops:0"

// MaxHops is how many replies may follow one another.
const MaxHops = 5

// WithoutHops returns a stanza without the count of hops.
func WithoutHops(s *stanza.Stanza) (*stanza.Stanza, error) {
	if _, has := s.Child(nsHops, ""); !has {
		return s, nil
	}
	return s.Without(nsHops, stanza.Limits{MaxBytes: len(s.XML()) + 1})
}

func (e *Endpoint) own(domain string) bool { return slices.Contains(e.Components, domain) }

// Admit removes the count from an event that is not from one of our components.
func (e *Endpoint) Admit(ev *Event) {
	if e.own(ev.Stanza.From.Domain()) {
		return
	}
	if s, err := WithoutHops(ev.Stanza); err == nil {
		ev.Stanza = s
	}
}

// Looped reports whether an event ends a loop, and must not be delivered.
func (e *Endpoint) Looped(ev *Event) bool { return !e.Copy && e.hops(ev.Stanza) > MaxHops }

// hops returns the count in a stanza of ours.
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

// Counted returns a reply to an event with the next count, if it goes to an address of
// ours, and without a count otherwise. On an error it must not be sent: uncounted, it
// could go round for ever.
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
	// An empty stanza gets an end tag, too.
	return s.Append(count, stanza.Limits{MaxBytes: len(s.XML()) + len(count) + len("</presence>") + 1})
}
