package stanza

import "strings"

// ClaimsPrivilege reports whether a stanza carries a payload that acts with
// the component's own privileges at the server: XEP-0356 and XEP-0355. Neither
// HTTP callers nor webhooks may send such.
func (s *Stanza) ClaimsPrivilege() bool {
	for _, c := range s.children {
		if strings.HasPrefix(c.Space, "urn:xmpp:privilege:") || strings.HasPrefix(c.Space, "urn:xmpp:delegation:") {
			return true
		}
	}
	return false
}
