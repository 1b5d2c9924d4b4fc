package forward

import (
	"encoding/json"
	"time"

	"stanzahook/component"
	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// described is a stanza with what its events tell besides.
type described struct {
	message.Features
	facts webhook.Facts
	known bool // the facts are there
}

func (f *Forward) describe(s *stanza.Stanza) described {
	return described{Features: message.Read(s)}
}

// event makes an event of a stanza. The facts are found once for all endpoints.
func (f *Forward) event(in *component.Incoming, m *described, domain string) *webhook.Event {
	now := time.Now()
	if !m.known && m.Event != message.None && f.recent != nil {
		m.facts, m.known = f.hear(in.Stanza, &m.Features, now), true
	}
	return &webhook.Event{ID: webhook.NewEventID(), Component: domain, Received: now, Stanza: in.Stanza, Facts: m.facts, Type: webhook.TypeWith(in.Stanza, m.Event)}
}

// hear notes a message, and returns what its event tells of other messages.
func (f *Forward) hear(s *stanza.Stanza, m *message.Features, now time.Time) webhook.Facts {
	heard := f.recent.Hear(s, m, message.RoomIDs{}, "", now)
	return f.facts(s, m, &heard, nil, now)
}

// facts returns what an event tells of a message that was heard, and of the button that it
// chooses, if it does. strip is as for message.Questions.Hear.
func (f *Forward) facts(s *stanza.Stanza, m *message.Features, heard *message.Heard, strip func(string) string, now time.Time) webhook.Facts {
	if f.Questions == nil {
		return FactsOf(*heard, m.Event)
	}
	choice, chosen := f.Questions.Hear(s, m, heard, strip, now)
	if chosen && heard.RefOf == "" {
		heard.RefOf = choice.Ref
	}
	facts := FactsOf(*heard, m.Event)
	if chosen {
		f.Choices.Add(1)
		value, _ := json.Marshal(choice.Value) // of a string
		facts = facts.With("choice", string(value))
	}
	return facts
}

// FactsOf returns what an event tells of a message that was heard.
func FactsOf(h message.Heard, event message.Event) (facts webhook.Facts) {
	if event == message.Correction && !h.Foreign || h.Ref.StanzaID != "" || h.Ref.Kind == message.Room && h.Ref.Mine {
		facts.Ref = h.Ref.String()
	}
	for _, member := range [...]struct{ name, value string }{{"ref_of", h.RefOf}, {"by", h.By}} {
		if member.value != "" {
			text, _ := json.Marshal(member.value) // of a string
			facts = facts.With(member.name, string(text))
		}
	}
	if h.Files != nil {
		text, _ := json.Marshal(h.Files) // of texts and numbers
		facts = facts.With(webhook.FactAttachments, string(text))
	}
	if event == message.Correction || event == message.Retraction {
		value := "false"
		if h.Foreign {
			value = "true"
		}
		facts = facts.With("foreign", value)
	}
	return facts
}
