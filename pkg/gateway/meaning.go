package gateway

import (
	"fmt"
	"strings"

	"stanzahook/pkg/stanza"
)

// meaning says what an error that came back for a message usually means (RFC 6120 section
// 8.3.3), and what to do; empty for queries, whose errors are those of what was asked.
func meaning(s *stanza.Stanza, e *stanza.Error) string {
	if s.Kind != stanza.Message {
		return ""
	}
	to := s.To.Bare().String()
	switch e.Condition {
	case stanza.ItemNotFound, stanza.NotAcceptable:
		if s.Type == "groupchat" {
			return fmt.Sprintf("only who is in a room may write there: bring the bot in with PUT /v1/rooms/%s (stanzahook rooms join), or name as from the bot that is in it", to)
		}
	case stanza.RemoteServerNotFound, stanza.RemoteServerTimeout:
		return unreached(to)
	case stanza.NotAllowed, stanza.Forbidden:
		// Prosody and ejabberd of a domain that they do not have, if they speak to no other server.
		if strings.HasPrefix(e.Text, "Communication with remote domains") || e.Text == "Access denied by service policy" {
			return unreached(to)
		}
	}
	switch e.Condition {
	case stanza.ServiceUnavailable, stanza.ItemNotFound:
		return fmt.Sprintf("is there an account %s? Some servers also say so for one that is offline, and rooms for a bot that is not in them", to)
	case stanza.Forbidden, stanza.NotAuthorized, stanza.NotAllowed, stanza.PolicyViolation:
		return "the receiver's side does not want messages from this address"
	case stanza.RecipientUnavailable, stanza.ResourceConstraint:
		return "try again later"
	}
	return "RFC 6120 section 8.3.3 says what the condition means"
}

func unreached(to string) string {
	return fmt.Sprintf("the XMPP server does not reach the domain of %s, or its rules forbid to; is the address written right?", to)
}
