package webhook

import (
	"encoding/json"
	"errors"

	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
)

// Replies in rooms, see Endpoint.ReplyInRooms.
const (
	ReplyPlain   = "plain"
	ReplyAsReply = "reply"
)

// takePrivate takes the key private, which sends the reply to the author alone. The format
// event has it.
func (m members) takePrivate() (private bool, err error) {
	if !m.has("private") {
		return false, nil
	}
	if json.Unmarshal(m["private"], &private) != nil {
		return false, errors.New("private: true or false is expected")
	}
	delete(m, "private")
	return private, nil
}

// private makes a reply to a room one to the author of the message that it answers (XEP-0045
// section 7.5). Other replies go to their author anyway.
func (r *replier) private(s *stanza.Stanza, err error) (*stanza.Stanza, error) {
	if err != nil || s == nil || s.Kind != stanza.Message || s.Type != "groupchat" {
		return s, err
	}
	author := r.ev.Stanza.From
	if !author.IsFull() {
		return nil, errors.New("private: nobody in the room has written the message")
	}
	h := s.Header
	h.Type, h.To = "chat", author
	if s, err = s.With(h, r.e.Limits); err != nil {
		return nil, err
	}
	return r.whole(s.Append(message.ToOccupant, r.e.Limits))
}

// related makes what an endpoint says in a room a reply to the message that it answers
// (XEP-0461), if the endpoint wants that and others can find that message.
func (r *replier) related(s *stanza.Stanza, err error) (*stanza.Stanza, error) {
	if err != nil || s == nil || r.e.ReplyInRooms != ReplyAsReply || s.Kind != stanza.Message || s.Type != "groupchat" || r.ev.Stanza.Type != "groupchat" {
		return s, err
	}
	if f := message.Read(s); f.Event != message.Said || !f.HasBody() || f.Replies() {
		return s, nil
	}
	d := message.Draft{Does: message.Said}
	inner, w, err := d.Write(r.ev.ref(), s.Inner(), "")
	if err != nil || w.NoReply {
		return s, err
	}
	return r.whole(stanza.Build(s.Header, inner, r.e.Limits))
}
