package httpapi

import (
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
)

// StanzaError is a stanza error (RFC 6120 section 8.3) in an answer.
type StanzaError struct {
	Type      stanza.ErrorType `json:"type"`
	Condition stanza.Condition `json:"condition"`
	Text      *string          `json:"text"`
	By        *string          `json:"by"`
}

// NewStanzaError returns nil for nil.
func NewStanzaError(e *stanza.Error) *StanzaError {
	if e == nil {
		return nil
	}
	v := &StanzaError{Type: e.Type, Condition: e.Condition}
	if e.Text != "" {
		v.Text = &e.Text
	}
	if e.By != "" {
		v.By = &e.By
	}
	return v
}

// Unsent returns how /v1 and /msg answer an error of gateway.Sender; nil for an error of
// ours. /rest has the words of mod_rest.
func Unsent(s *stanza.Stanza, err error) *Fault {
	o := gateway.OutcomeOf(s, err)
	if o.Result == gateway.Failed {
		return nil
	}
	f := &Fault{Status: o.Status, Text: o.Text(), RetryAfter: o.RetryAfter, Members: map[string]any{"id": s.ID}}
	if e := o.StanzaError; e != nil {
		f.Members["condition"], f.Members["stanza_error"] = e.Condition, NewStanzaError(e)
	}
	return f
}
