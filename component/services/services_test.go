package services

import (
	"context"
	"fmt"
	"testing"
	"time"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
)

var rooms = jid.MustParse("rooms.example.com")

// start connects a component that asks these services after each handshake.
func start(t *testing.T, all *Services, ask ...string) *componenttest.Server {
	t.Helper()
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	var link *component.Link
	link = component.New(component.Options{Domain: jid.MustParse("bot.example.com"), Addr: srv.Addr(), Secret: secret.New("secret"), OnUp: func(ctx context.Context) {
		for _, host := range append(ask, ask...) {
			all.Ask(link, jid.MustParse(host))
		}
		<-ctx.Done()
		all.Forget("bot.example.com")
	}})
	componenttest.Run(t, link)
	return srv
}

func asked(srv *componenttest.Server, host string) *stanza.Stanza {
	return srv.Expect("a question to "+host, func(s *stanza.Stanza) bool { return s.Kind == stanza.IQ && s.To.String() == host })
}

func answer(ask *stanza.Stanza, typ, inner string) string {
	return fmt.Sprintf("<iq type='%s' id='%s' from='%s' to='%s'>%s</iq>", typ, ask.ID, ask.To, ask.From, inner)
}

// Each service is asked once a connection; what it says is known until its end.
func TestAsk(t *testing.T) {
	all := New(nil)
	srv := start(t, all, "rooms.example.com", "example.com", "gone.example.com")
	if o := all.Get("bot.example.com", rooms); o.Answers != nil || o.Silent() || o.Service != rooms {
		t.Errorf("before it has answered: %+v", o)
	}
	for range 2 { // connections
		srv.Send(answer(asked(srv, "rooms.example.com"), "result", "<query xmlns='http://jabber.org/protocol/disco#info'><identity category='conference' type='text' name='Chatrooms'/><feature var='http://jabber.org/protocol/muc'/><feature var='urn:xmpp:mam:2'/></query>"))
		srv.Send(answer(asked(srv, "example.com"), "result", "<query xmlns='http://jabber.org/protocol/disco#info'><identity category='server' type='im' name='ejabberd'/></query>"))
		srv.Send(answer(asked(srv, "gone.example.com"), "error", "<error type='cancel'><remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"))
		componenttest.Eventually(t, "the answers", func() bool {
			return all.Get("bot.example.com", rooms).Answers != nil && all.Software("bot.example.com", rooms) != "" && all.Get("bot.example.com", jid.MustParse("gone.example.com")).Condition != ""
		})
		o := all.Get("bot.example.com", rooms)
		if !*o.Answers || o.Name != "Chatrooms" || !o.Has("urn:xmpp:mam:2") || o.Has("urn:xmpp:mam:1") || o.Condition != "" {
			t.Errorf("%+v", o)
		}
		if got := all.Software("bot.example.com", rooms); got != Ejabberd {
			t.Errorf("software %q", got)
		}
		if o := all.Get("bot.example.com", jid.MustParse("gone.example.com")); !*o.Answers || o.Condition != stanza.RemoteServerNotFound {
			t.Errorf("%+v", o)
		}
		if n := len(all.All()); n != 3 {
			t.Errorf("%d services", n)
		}
		if o := all.Get("other.example.com", rooms); o.Answers != nil {
			t.Errorf("of another component: %+v", o)
		}
		srv.Drop()
		componenttest.Eventually(t, "that it is forgotten", func() bool { return all.Get("bot.example.com", rooms).Answers == nil })
	}
}

// A service that does not answer is silent after a while, until it answers.
func TestSilent(t *testing.T) {
	all := New(nil)
	all.patience = 50 * time.Millisecond
	heard := make(chan string, 10)
	all.OnSilent = func(component, service string, silent bool) {
		heard <- fmt.Sprint(component, " ", service, " ", silent)
	}
	srv := start(t, all, "rooms.example.com")
	ask := asked(srv, "rooms.example.com")
	if got := <-heard; got != "bot.example.com rooms.example.com true" {
		t.Error(got)
	}
	if o := all.Get("bot.example.com", rooms); !o.Silent() {
		t.Errorf("%+v", o)
	}
	srv.Send(answer(ask, "result", "<query xmlns='http://jabber.org/protocol/disco#info'><identity name='Prosody Chatrooms'/></query>"))
	if got := <-heard; got != "bot.example.com rooms.example.com false" {
		t.Error(got)
	}
	if o := all.Get("bot.example.com", rooms); o.Silent() || all.Software("bot.example.com", rooms) != Prosody {
		t.Errorf("%+v", o)
	}
}
