package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
)

// Who knows no XMPP reads what an error means, and what to do.
func TestWhatABounceMeans(t *testing.T) {
	parse := func(text string) *stanza.Stanza {
		s, err := stanza.Parse(text, stanza.Limits{MaxBytes: 1 << 16})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, c := range []struct{ kind, condition, text, want string }{
		{"message type='chat'", "service-unavailable", "", "is there an account x@example.com?"},
		{"message type='chat'", "item-not-found", "", "is there an account x@example.com?"},
		{"message type='groupchat'", "item-not-found", "", "PUT /v1/rooms/x@example.com"},
		{"message type='groupchat'", "not-acceptable", "", "PUT /v1/rooms/x@example.com"},
		{"message type='groupchat'", "forbidden", "", "does not want messages"},
		{"message type='chat'", "remote-server-not-found", "", "is the address written right?"},
		{"message type='chat'", "not-allowed", "Communication with remote domains is not enabled", "is the address written right?"},
		{"message type='chat'", "forbidden", "Access denied by service policy", "is the address written right?"},
		{"message type='chat'", "not-allowed", "", "does not want messages"},
		{"message type='chat'", "resource-constraint", "", "try again later"},
		{"message type='chat'", "gone", "", "RFC 6120"},
		{"iq type='get'", "service-unavailable", "", ""},
	} {
		kind := strings.Fields(c.kind)[0]
		sent := parse(fmt.Sprintf("<%s from='echo@bot.example.com' to='x@example.com/y' id='1'><a xmlns='b'/></%s>", c.kind, kind))
		back := parse(fmt.Sprintf("<%[1]s type='error' from='x@example.com/y' to='echo@bot.example.com' id='1'><error type='cancel'><%[2]s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>%[3]s</text></error></%[1]s>", kind, c.condition, c.text))
		o := gateway.OutcomeOf(sent, &gateway.Bounced{Stanza: back})
		if o.Result != gateway.CameBack || o.Hint == "" != (c.want == "") || !strings.Contains(o.Hint, c.want) || !strings.Contains(o.Text(), c.condition) {
			t.Errorf("%s %s: %q, want %q in it", c.kind, c.condition, o.Text(), c.want)
		}
	}
}
