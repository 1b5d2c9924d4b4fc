//go:build integration

package main

import (
	"fmt"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
)

// Attributes with a prefix reach the webhook, or are left out where the server
// has left out the declaration of the prefix (ejabberd); the stanza is delivered
// whatever becomes of them.
func TestPrefixesThatAServerLeavesUndeclared(t *testing.T) {
	stanzas := []string{
		"<message to='echo@undeclared.localhost' type='chat' id='u-0' xmlns:p='urn:example:p' p:x='1'><body>zero</body></message>",
		"<message to='echo@undeclared.localhost' type='chat' id='u-1' xmlns:p='urn:example:p'><body p:x='1'>one</body></message>",
		"<message to='echo@undeclared.localhost' type='chat' id='u-2'><a xmlns='urn:example:a' xmlns:p='urn:example:p'><b p:x='1'/></a><body>two</body></message>",
		"<message to='echo@undeclared.localhost' type='chat' id='u-3'><a xmlns='urn:example:a' xmlns:p='urn:example:p' p:x='1' y='2'/><body>three</body></message>",
	}
	forBoth(t, func(t *testing.T, s *lab.Server) {
		b := newBot(t)
		linked(t, oneComponent(s, "undeclared", b))
		user := login(t, s, "dave")
		for i, x := range stanzas {
			user.send("%s", x)
			eventually(t, fmt.Sprintf("stanza %d reaches the webhook", i), func() bool { return len(b.got()) > i })
			h := b.got()[i]
			if h.Stanza != fmt.Sprintf("u-%d", i) || h.Body != [...]string{"zero", "one", "two", "three"}[i] {
				t.Errorf("%s", h.Raw)
			}
			if _, err := parseTree(h.XML); err != nil || strings.Contains(h.XML, " p:x=") && !strings.Contains(h.XML, "xmlns:p=") {
				t.Errorf("data.stanza does not stand on its own: %v: %s", err, h.XML)
			}
		}
	})
}

// The answer to an IQ has the id of the request, also if that is empty: a server
// that keeps account of them (ejabberd) delivers no other.
func TestAnIQWithAnEmptyID(t *testing.T) {
	forBoth(t, func(t *testing.T, s *lab.Server) {
		b := newBot(t)
		b.do(func(h *hook) (int, string, string) {
			return 200, "application/xmpp+xml", "<iq type='result'><query xmlns='urn:example:q'>ours</query></iq>"
		})
		c := oneComponent(s, "emptyid", b)
		c.Endpoints[0].Stanzas = []string{"message", "iq"}
		linked(t, c)
		user := login(t, s, "erin")
		user.send("<iq to='echo@emptyid.localhost' type='get' id=''><query xmlns='urn:example:q'/></iq>")
		r := user.next("the webhook's answer", func(r lab.Received) bool { return r.Kind == "iq" && r.From == "echo@emptyid.localhost" })
		if r.ID != "" || r.Type != "result" || !strings.Contains(r.Inner, "ours") {
			t.Errorf("%+v", r)
		}
		b.do(func(*hook) (int, string, string) { return 400, "", "" })
		user.send("<iq to='echo@emptyid.localhost' type='get' id=''><query xmlns='urn:example:q'/></iq>")
		r = user.next("an error", func(r lab.Received) bool { return r.Kind == "iq" && r.From == "echo@emptyid.localhost" })
		if r.ID != "" || r.Error != "bad-request" {
			t.Errorf("%+v", r)
		}
	})
}
