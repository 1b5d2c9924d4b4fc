package webhook

import "stanzahook/pkg/stanza"

// Receipt returns the receipt that an event requests (XEP-0184), from the address that
// was written to; nil if it requests none, or must not get one.
func Receipt(ev *Event) *stanza.Stanza {
	s := ev.Stanza
	if _, asked := s.Child("urn:xmpp:receipts", "request"); !asked || s.Kind != stanza.Message || s.ID == "" || s.Type == "error" || s.Type == "groupchat" {
		return nil
	}
	h := s.Reply()
	h.ID = ev.ID + "-receipt"
	if s.TypeKnown() {
		h.Type = s.Type
	}
	inner := string(append(stanza.AppendAttr([]byte("<received xmlns='urn:xmpp:receipts'"), "id", s.ID), "/>"...))
	r, err := stanza.Build(h, inner, stanza.Limits{})
	if err != nil {
		return nil // the id came out of a stanza that was parsed: not reached
	}
	return r
}
