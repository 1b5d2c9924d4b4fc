package webhook

import (
	"slices"
	"strconv"

	"go.uber.org/zap"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
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

// maxHops is how many answers may follow one another.
const maxHops = 5

// WithoutHops returns a stanza without a count that somebody else wrote into it.
func WithoutHops(s *stanza.Stanza) (*stanza.Stanza, error) {
	if _, has := s.Child(nsHops, ""); !has {
		return s, nil
	}
	return s.Without(nsHops, stanza.Limits{MaxBytes: len(s.XML()) + 1})
}

// own reports whether a domain is one of our components'.
func (e *Endpoint) own(domain string) bool { return slices.Contains(e.Components, domain) }

// admit takes a count out of an event that is not from one of our components.
func (w *Worker) admit(ev *Event) {
	if w.Endpoint().own(ev.Stanza.From.Domain()) {
		return
	}
	if s, err := WithoutHops(ev.Stanza); err == nil {
		ev.Stanza = s
	}
}

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

// counted are the stanzas that follow from an event, with the count in those that go
// to an address of ours.
func (w *Worker) counted(ev *Event, out []*stanza.Stanza) []*stanza.Stanza {
	e := w.Endpoint()
	kept := out[:0]
	for _, s := range out {
		toUs := e.own(s.To.Domain()) && s.Kind != stanza.IQ
		if _, has := s.Child(nsHops, ""); has || toUs {
			if clean, err := WithoutHops(s); err == nil {
				s = clean
			}
		}
		if !toUs {
			kept = append(kept, s)
			continue
		}
		count := "<hops xmlns='" + nsHops + "'>" + strconv.Itoa(e.hops(ev.Stanza)+1) + "</hops>"
		// What is empty gets an end tag, too.
		s, err := s.Append(count, stanza.Limits{MaxBytes: len(s.XML()) + len(count) + len("</presence>") + 1})
		if err != nil { // uncounted it could go round for ever
			w.repeats.Error(w.log, "reply not sent: it cannot be counted", ev.about(zap.Error(err))...)
			continue
		}
		kept = append(kept, s)
	}
	return kept
}

// loops reports whether an event is the end of a loop; then it is refused, and is a
// dead letter. ok is that of Queued and Direct.
//
// Killed before the dead letter is on disk: the event is lost, as if it had still
// been in the socket.
func (w *Worker) loops(ev *Event) (looped, ok bool) {
	e := w.Endpoint()
	if e.Copy || e.hops(ev.Stanza) <= maxHops {
		return false, false
	}
	return true, w.lanes.add(ev.conversation(), e.sender(ev.Stanza.From), maxDirect, func(more bool) {
		w.Counters.Loops.Add(1)
		w.repeats.Error(w.log, "message refused: the answers of webhooks go to and fro between our own addresses", ev.about(zap.Int("hops", maxHops))...)
		if w.store != nil {
			w.buryLoop(ev)
			w.entry(ev, store.DeadState, loopReason, nil)
		}
		refusal := &stanza.Error{Type: stanza.Cancel, Condition: stanza.PolicyViolation, Text: "the answers of services have gone to and fro " + strconv.Itoa(maxHops) + " times"}
		w.conclude(ev, Verdict{Outcome: Refused, Err: refusal, Reason: loopReason}, more, func() {})
	})
}

// loopReason is the reason of the dead letter.
const loopReason = "loop"

func (w *Worker) buryLoop(ev *Event) {
	s := ev.Stanza
	err := w.store.Bury(w.run, store.Dead{
		Record:   store.Record{ID: ev.ID, Component: ev.Component, Conversation: ev.conversation(), Received: ev.Received, Since: ev.Received, Stanza: s.XML()},
		Endpoint: w.name, Type: s.EventType(), From: s.From.String(), To: s.To.String(), Reason: loopReason, Died: ev.Received,
	})
	if err != nil {
		w.repeats.Error(w.log, "a dead letter cannot be stored", ev.about(zap.Error(err))...)
		return
	}
	w.Counters.Dead.Add(1)
}
