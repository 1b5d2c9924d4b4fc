package stanza

import "strings"

// ClaimsPrivilege reports whether a stanza has a payload that uses the component's
// privileges at the server: XEP-0356, XEP-0355, and roster IQs, which a component
// has no other use for, as its JIDs have no rosters. Neither HTTP callers nor
// webhooks may send such stanzas.
func (s *Stanza) ClaimsPrivilege() bool {
	for _, c := range s.children {
		if s.Kind == IQ && c.Space == "jabber:iq:roster" {
			return true
		}
		if strings.HasPrefix(c.Space, "urn:xmpp:privilege:") || strings.HasPrefix(c.Space, "urn:xmpp:delegation:") {
			return true
		}
	}
	return false
}
