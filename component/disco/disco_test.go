package disco_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/component/disco"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
)

func TestAnswers(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	now := time.Date(2026, 11, 20, 18, 0, 0, 0, time.FixedZone("", 3600))
	r := &disco.Responder{Identity: disco.Identity{Name: "Bots & <co>", Category: "component", Type: "generic"}, Version: "1.2", Started: now.Add(-time.Minute), Now: func() time.Time { return now }}
	l := component.New(component.Options{Domain: jid.MustParse("bot.example.com"), Addr: srv.Addr(), Secret: secret.New("secret"), Handler: r.Handler(), Log: zap.NewNop()})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { l.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	srv.WaitConnected(1)

	features := ""
	for _, f := range []string{"http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items", "urn:xmpp:ping", "jabber:iq:version", "urn:xmpp:time", "jabber:iq:last", "urn:xmpp:receipts"} {
		features += `<feature var="` + f + `"></feature>`
	}
	notFound := `<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>there is no node "x"</text></error>`
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
