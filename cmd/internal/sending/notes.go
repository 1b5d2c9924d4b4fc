package sending

import (
	"time"

	"stanzahook/component/bounce"
	"stanzahook/component/corrections"
	"stanzahook/component/rooms"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
)

// Notes remember what is sent, before somebody can react to it.
type Notes struct {
	Quiet     *bounce.Quiet
	Recent    *message.Recent
	Questions *message.Questions
	Rooms     *rooms.Rooms
}

// note notes a stanza that is about to be sent. text is the Ref that its sender gets; "" if it
// gets none.
func (n *Notes) note(s *stanza.Stanza, text string) {
	if s.Kind != stanza.Message || s.Type == "error" || n.Recent == nil {
		return
	}
	now := time.Now()
	n.Quiet.Note(s)
	ref, err := message.ParseRef(text)
	if err != nil {
		ref = message.Sent(s, n.privately(s))
	}
	n.Recent.Say(s, ref, now)
	n.Questions.Say(s, n.retracted(s, ref, now), n.Rooms.Author(s), now)
}

// privately reports whether a message goes to one occupant of a room that the bot is kept in.
func (n *Notes) privately(s *stanza.Stanza) bool {
	if s.Type == "groupchat" || !s.To.IsFull() {
		return false
	}
	_, speaks := n.Rooms.Speaks(s)
	return speaks
}

// retracted returns the Ref of the message that another one retracts; of others their own.
func (n *Notes) retracted(s *stanza.Stanza, ref message.Ref, now time.Time) message.Ref {
	f := message.Read(s)
	if f.Event != message.Retraction || ref.ID != s.ID {
		return ref
	}
	known, ok := n.Recent.Find(ref.Own, ref.Peer, f.Of(s), ref.Kind == message.Room, now)
	if of, err := message.ParseRef(known.Ref); ok && err == nil {
		return of
	}
	return ref
}

// Noting notes what endpoints answer, and sends what it must not overtake.
type Noting struct {
	delivery.Sender
	Notes       *Notes
	Corrections *corrections.Corrections
}

// Send implements delivery.Sender.
func (n Noting) Send(component string, s *stanza.Stanza, more bool, done func(error)) error {
	n.Corrections.BeforeAnswer(s)
	n.Notes.note(s, "")
	return n.Sender.Send(component, s, more, done)
}
