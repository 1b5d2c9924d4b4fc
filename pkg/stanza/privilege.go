package stanza

import "strings"

// ClaimsPrivilege reports whether a stanza carries a payload that acts with
// the component's own privileges at the server: XEP-0356, XEP-0355, and roster
// IQs, which a component has no other use for (its JIDs have no rosters).
// Neither HTTP callers nor webhooks may send such.
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
