package restjson

import "stanzahook/pkg/stanza"

// Object is the JSON form of a stanza. Empty fields are absent, but for a body
// or subject that is there and empty.
type Object struct {
	Kind    string  `json:"kind"`
	Type    string  `json:"type,omitempty"`
	To      string  `json:"to,omitempty"`
	From    string  `json:"from,omitempty"`
	ID      string  `json:"id,omitempty"`
	Lang    string  `json:"lang,omitempty"`
	Body    *string `json:"body,omitempty"`
	Subject *string `json:"subject,omitempty"`
	Thread  *string `json:"thread,omitempty"`
	Error   *Error  `json:"error,omitempty"`
}

// Error is the JSON form of a stanza error.
type Error struct {
	Type      string `json:"type,omitempty"`
	Condition string `json:"condition,omitempty"`
	Text      string `json:"text,omitempty"`
}

// Encode returns the JSON form of a stanza.
func Encode(s *stanza.Stanza) Object {
	o := Object{Kind: s.Kind.String(), Type: s.Type, To: s.To.String(), From: s.From.String(), ID: s.ID, Lang: s.Lang}
	if s.Kind == stanza.Presence && s.Type == "" {
		o.Type = "available"
	}
	if s.Kind == stanza.Message {
		o.Body, o.Subject, o.Thread = text(s, "body"), text(s, "subject"), text(s, "thread")
	}
	if e, ok := s.StanzaError(); ok {
		o.Error = &Error{Type: string(e.Type), Condition: string(e.Condition), Text: e.Text}
	}
	return o
}

func text(s *stanza.Stanza, name string) *string {
	if t, ok := s.Text(name); ok {
		return &t
	}
	return nil
}
