package disco_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/component/disco"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

func TestAnswers(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	now := time.Date(2026, 11, 20, 18, 0, 0, 0, time.FixedZone("", 3600))
	r := &disco.Responder{Identity: disco.Identity{Name: "Bots & <co>", Category: "component", Type: "generic"}, Version: "1.2", Started: now.Add(-time.Minute), Now: func() time.Time { return now }}
	srv.Connect(component.Options{Handler: r.Handler()})

	features := ""
	for _, f := range []string{"http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items", "urn:xmpp:ping", "jabber:iq:version", "urn:xmpp:time", "jabber:iq:last", "urn:xmpp:receipts"} {
		features += `<feature var="` + f + `"></feature>`
	}
	notFound := `<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>there is no node "x"</text></error>`
	noDevices := strings.Replace(notFound, `there is no node "x"`, "bots have no OMEMO devices", 1)
	for i, tc := range []struct{ to, payload, typ, want string }{
		{"bot.example.com", `<query xmlns='http://jabber.org/protocol/disco#info'/>`, "result", `<query xmlns="http://jabber.org/protocol/disco#info"><identity name="Bots &amp; &lt;co&gt;" category="component" type="generic"></identity>` + features + `</query>`},
		{"echo@bot.example.com", `<query xmlns='http://jabber.org/protocol/disco#info'/>`, "result", `<query xmlns="http://jabber.org/protocol/disco#info"><identity name="echo" category="client" type="bot"></identity>` + features + `</query>`},
		{"bot.example.com", `<query xmlns='http://jabber.org/protocol/disco#info' node='x'/>`, "error", notFound},
		{"bot.example.com", `<query xmlns='http://jabber.org/protocol/disco#items'/>`, "result", `<query xmlns="http://jabber.org/protocol/disco#items"></query>`},
		{"bot.example.com", `<query xmlns='http://jabber.org/protocol/disco#items' node='x'/>`, "error", notFound},
		{"x@bot.example.com/r", `<ping xmlns='urn:xmpp:ping'/>`, "result", ``},
		{"bot.example.com", `<query xmlns='jabber:iq:version'/>`, "result", `<query xmlns="jabber:iq:version"><name>stanzahook</name><version>1.2</version></query>`},
		{"bot.example.com", `<time xmlns='urn:xmpp:time'/>`, "result", `<time xmlns="urn:xmpp:time"><tzo>+01:00</tzo><utc>2026-11-20T17:00:00Z</utc></time>`},
		{"bot.example.com", `<query xmlns='jabber:iq:last'/>`, "result", `<query xmlns="jabber:iq:last" seconds="60"></query>`},
		{"echo@bot.example.com", `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='eu.siacs.conversations.axolotl.devicelist'/></pubsub>`, "error", noDevices},
		{"echo@bot.example.com", `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='eu.siacs.conversations.axolotl.bundles:7'/></pubsub>`, "error", noDevices},
		{"echo@bot.example.com", `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:omemo:2:devices'/></pubsub>`, "error", noDevices},
		{"echo@bot.example.com", `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:metadata'/></pubsub>`, "error", `<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`},
		{"bot.example.com", `<query xmlns='jabber:iq:register'/>`, "error", `<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`},
	} {
		id := fmt.Sprint(i)
		srv.Send(fmt.Sprintf("<iq type='get' id='%s' from='u@example.com/r' to='%s'>%s</iq>", id, tc.to, tc.payload))
		got := srv.ExpectID(id)
		if got.Type != tc.typ || got.Inner() != tc.want || got.From.String() != tc.to {
			t.Errorf("%s to %s:\ngot  %s\nwant %s %s", tc.payload, tc.to, got.XML(), tc.typ, tc.want)
		}
	}
}

func TestFeatures(t *testing.T) {
	const info = "<query xmlns='http://jabber.org/protocol/disco#info'>"
	failed := func(condition string) string {
		return "<error type='cancel'><" + condition + " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
	}
	answers := map[string]struct {
		typ, inner string
		want       []string
		condition  stanza.Condition // of the error; "": another one
		fails      bool
	}{
		"two.example":     {typ: "result", inner: info + "<identity category='server' type='im'/><feature var='a&amp;b'/><feature var='c'/></query>", want: []string{"a&b", "c"}},
		"none.example":    {typ: "result", inner: info + "</query>"},
		"unknown.example": {typ: "error", inner: failed("service-unavailable")},
		"old.example":     {typ: "error", inner: failed("feature-not-implemented")},
		"away.example":    {typ: "error", inner: failed("remote-server-not-found"), fails: true, condition: stanza.RemoteServerNotFound},
		"other.example":   {typ: "result", inner: "<query xmlns='jabber:iq:version'><feature var='a'/></query>", fails: true},
		"empty.example":   {typ: "result", fails: true},
	}
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	srv.Answer(func(s *stanza.Stanza) string {
		a := answers[s.To.Domain()]
		if p, _ := s.Payload(); s.Type != "get" || p.Space != "http://jabber.org/protocol/disco#info" {
			return ""
		}
		// Somebody else's answer does not count.
		return fmt.Sprintf("<iq type='result' id='%[1]s' from='liar.example' to='%[2]s'>%[3]s<feature var='x'/></query></iq><iq type='%[4]s' id='%[1]s' from='%[5]s' to='%[2]s'>%[6]s</iq>",
			s.ID, s.From, info, a.typ, s.To, a.inner)
	})
	l := srv.Connect(component.Options{})
	for host, want := range answers {
		ctx, done := context.WithTimeout(t.Context(), time.Minute)
		got, err := disco.Features(ctx, l, jid.MustParse(host))
		done()
		if !slices.Equal(got, want.want) || (err != nil) != want.fails || want.condition != "" && !errors.Is(err, &stanza.Error{Condition: want.condition}) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %q, %v", host, got, err)
		}
	}
}
