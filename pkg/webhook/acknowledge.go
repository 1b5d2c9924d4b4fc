package webhook

import (
	"slices"
	"strings"

	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
)

// Acknowledge has the reactions (XEP-0444) by which people see what becomes of what they write,
// one emoji each. Each replaces the one before; an empty one is not sent.
type Acknowledge struct {
	Received string // the first attempt begins
	Done     string // the endpoint has accepted it
	Failed   string // the endpoint has refused it, or it was given up
}

// Acknowledgement returns a reaction to the message of an event; nil if there is none. It is for
// what a person says to the bot: in a room with a mention, and nothing that another bot of ours says.
// Where others could not find the message, there is none: in rooms that give messages no ids.
func (e *Endpoint) Acknowledgement(ev *Event, emoji, id string) *stanza.Stanza {
	s := ev.Stanza
	if emoji == "" || !e.isForPeople(ev) || message.Read(s).Event != message.Said {
		return nil
	}
	if room := RoomOf(s); s.Type == "groupchat" && (room == nil || !room.Mention) {
		return nil
	}
	ref := ev.ref()
	d := message.Draft{Does: message.Reaction, To: "this", Emoji: []string{emoji}}
	inner, _, err := d.Write(ref, "", "")
	if err != nil {
		return nil
	}
	h := stanza.Header{Kind: stanza.Message, Type: "chat", ID: id, From: s.Reply().From, To: ref.Peer}
	if s.Type == "groupchat" {
		h.Type = "groupchat"
	}
	reaction, err := stanza.Build(h, inner, e.Limits)
	if err != nil {
		return nil
	}
	return reaction
}

// AcknowledgementID begins the ids of acknowledgements.
const AcknowledgementID = "acknowledgement-"

// IsAcknowledgement reports whether a stanza is an acknowledgement, or a reaction that looks so.
func IsAcknowledgement(s *stanza.Stanza) bool {
	return s.Kind == stanza.Message && strings.HasPrefix(s.ID, AcknowledgementID) && message.Read(s).Event == message.Reaction
}

// Reacts reports whether an answer has a reaction, to whichever message.
func Reacts(answer []*stanza.Stanza) bool {
	return slices.ContainsFunc(answer, func(s *stanza.Stanza) bool {
		return s.Kind == stanza.Message && message.Read(s).Event == message.Reaction
	})
}

// isForPeople reports whether what the endpoint does with an event is shown to its sender: that
// of a message of a program, not of another bot of ours, nor of a test.
func (e *Endpoint) isForPeople(ev *Event) bool {
	s := ev.Stanza
	room := RoomOf(s)
	if s.Kind != stanza.Message || e.Copy || ev.Test || room.Happening() || room != nil && (room.Bot || room.Own) {
		return false
	}
	return s.Type == "groupchat" || !s.From.IsBare() && s.Type != "headline" && s.Type != "error" && !slices.Contains(e.Components, s.From.Domain())
}
