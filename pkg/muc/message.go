package muc

import (
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Receive handles a stanza from the room, or one of its occupants, to Self.
func (r *Room) Receive(now time.Time, s *stanza.Stanza) Output {
	if s.From.Bare() != r.o.Room {
		return r.take()
	}
	r.heard = now
	switch s.Kind {
	case stanza.Presence:
		r.onPresence(now, s)
	case stanza.IQ:
		r.onAnswer(now, s)
	case stanza.Message:
		r.onMessage(now, s)
	}
	return r.take()
}

// onAnswer handles the answer to an IQ of ours.
func (r *Room) onAnswer(now time.Time, s *stanza.Stanza) {
	if s.ID == "" {
		return
	}
	for t := range timers {
		if r.at.id(t) != s.ID || s.From != r.asked(t) {
			continue
		}
		r.stop(t)
		switch t {
		case pongTimer:
			r.onPong(now, s)
		case formTimer:
			r.onForm(now, s)
		case catchTimer:
			r.onTraits(now, s)
		}
		return
	}
}

// asked returns whom the IQ was sent to whose answer a timer waits for.
func (r *Room) asked(t timer) jid.JID {
	if t == pongTimer {
		return r.pinged
	}
	return r.o.Room
}

func (r *Room) onMessage(now time.Time, s *stanza.Stanza) {
	if s.Type == "error" {
		r.onBounce(now, s)
		return
	}
	if result := element(s, nsArchive, "result"); result != nil && s.From == r.o.Room && s.Type != "groupchat" {
		if id := attr(result, "queryid"); id != "" && id == r.at.id(catchTimer) {
			r.onResult(result)
		}
		return
	}
	nick := s.From.Resource()
	switch {
	case s.Type == "groupchat" && r.state == Joining && r.itself && stampOf(s, r.o.Room) != nil:
		r.onHistory(now, s)
	case s.Type == "groupchat":
		r.onGroupchat(now, s)
	case nick != "":
		r.onPrivate(nick, s)
	default:
		r.onNotice(s)
	}
}

// onPrivate handles a message of an occupant to the bot alone. The bot may still be an
// occupant when we do not know that: until the answer to a join, and while we wait for the
// next try. Who the sender is, presence of this stay says, or nobody: the nick may be another
// one's than before.
//
// What is held is bounded as all is that waits for a join, see hold. Killed: a private message
// is in no history, so one that is held is lost.
func (r *Room) onPrivate(nick string, s *stanza.Stanza) {
	e := Event{Kind: Private, Stanza: s, Occupant: Occupant{Nick: nick}}
	if o := r.find(nick); o != nil && o.generation == r.generation && r.state != Waiting {
		e.Occupant = r.trusted(o.whole())
	}
	switch r.state {
	case Waiting:
		r.pass(&e)
	case Joining, Joined:
		r.hold(&e)
	}
}

// onBounce joins again when the room says of our own words that we are not in it.
func (r *Room) onBounce(now time.Time, s *stanza.Stanza) {
	e, _ := s.StanzaError()
	if r.state == Joined && s.From.IsBare() && e.Condition == stanza.NotAcceptable {
		r.join(now)
	}
}

func (r *Room) onGroupchat(now time.Time, s *stanza.Stanza) {
	nick := s.From.Resource()
	subject, isSubject := subjectOf(s)
	if isSubject {
		changed := r.setSubject(subject)
		if r.state == Joining && r.itself && r.at.isSet(subjectTimer) {
			r.stop(subjectTimer)
			r.complete(now)
			return
		}
		if !changed && nick != r.nick {
			return
		}
	}
	if r.state != Joined && r.state != Joining {
		return
	}
	if nick == "" && !isSubject {
		r.onNotice(s)
		if _, has := s.Child("", "body"); !has && !moderates(s) {
			return
		}
	}
	e := Event{Kind: Message, Stanza: s, Occupant: r.author(nick), Own: nick != "" && nick == r.nick, StanzaID: r.stanzaID(s), key: keyOf(s, r.o.Room), when: now}
	e.named()
	if isSubject {
		e.Kind, e.Text = Subject, subject
	}
	if e.Own {
		if e.Sent = r.echoOf(s); e.Sent != "" && !r.stanzaIDs {
			if id := idBy(s, r.o.Room); id != "" { // ours had none by the room
				r.stanzaIDs, e.StanzaID = true, id
			}
		}
	}
	r.hold(&e)
}

// moderates reports whether a message of the room itself takes back what somebody has said there
// (XEP-0425, and before its version 0.3). It has no body.
func moderates(s *stanza.Stanza) bool {
	return element(s, nsRetract, "retract") != nil || element(s, nsFasten, "apply-to") != nil
}

// maxSubject is how much of a subject is kept, in bytes.
const maxSubject = 4096

// setSubject notes a subject, and reports whether it is another one.
func (r *Room) setSubject(subject string) bool {
	was := r.topic
	r.subject, r.topic = cut(subject, maxSubject), hash(subject)
	return r.topic != was
}

// onNotice handles a message of the room itself. It may have several codes, in any order.
func (r *Room) onNotice(s *stanza.Stanza) {
	u := readUser(element(s, nsUser, "x"))
	changed := 0
	for _, code := range u.codes {
		switch code {
		case 172: // now non-anonymous
			r.anonymous = false
		case 173, 174:
			r.anonymous = true
		}
		if changed == 0 && (code == 104 || code >= 170 && code <= 174) {
			changed = code
		}
	}
	if changed != 0 {
		r.report(Event{Kind: Config, Stanza: s, Code: changed})
	}
}

// stanzaID returns the room's id of a message, if that can be trusted.
func (r *Room) stanzaID(s *stanza.Stanza) string {
	if !r.stanzaIDs {
		return ""
	}
	return idBy(s, r.o.Room)
}
