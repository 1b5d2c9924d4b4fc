package muc

import (
	"strings"

	"stanzahook/pkg/stanza"
)

// maxSent bounds what the bot said and has not seen again.
const maxSent = 100

// echoes are the bot's own words that the room has not sent back yet.
type echoes struct{ sent []sent }

type sent struct {
	id, origin string
	subject    uint64 // its hash
	isSubject  bool
}

// Sent notes a groupchat message of the bot, before it is sent. The room's copy of it has
// the same id, or origin-id (XEP-0359); that of a subject may have neither, and has the
// same text.
func (r *Room) Sent(s *stanza.Stanza) {
	if s.ID == "" {
		return
	}
	if len(r.sent) >= maxSent {
		r.sent = append(r.sent[:0], r.sent[1:]...)
	}
	subject, isSubject := subjectOf(s)
	r.sent = append(r.sent, sent{strings.Clone(s.ID), strings.Clone(attr(element(s, nsID, "origin-id"), "id")), hash(subject), isSubject})
}

// subjectOf returns the subject that a message sets (XEP-0045 section 8.1).
func subjectOf(s *stanza.Stanza) (string, bool) {
	if _, has := s.Child("", "body"); has {
		return "", false
	}
	return s.Text("subject")
}

// echoOf returns the id of what the room sends back, and forgets it.
func (r *Room) echoOf(s *stanza.Stanza) string {
	origin := attr(element(s, nsID, "origin-id"), "id")
	subject, isSubject := subjectOf(s)
	for i, e := range r.sent {
		if e.id == s.ID || e.origin != "" && e.origin == origin || s.ID == "" && isSubject && e.isSubject && e.subject == hash(subject) {
			r.sent = append(r.sent[:i], r.sent[i+1:]...)
			return e.id
		}
	}
	return ""
}
