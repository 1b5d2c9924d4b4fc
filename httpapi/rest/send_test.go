package rest_test

import (
	"context"
	"fmt"
	"testing"

	"stanzahook/httpapi"
	"stanzahook/httpapi/rest"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

func TestBounced(t *testing.T) {
	back, err := stanza.Parse("<message type='error' id='7' from='u@example.com' to='bot.example.com'><error type='cancel'/></message>", stanza.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	w := post(surface(&network{sendErr: fmt.Errorf("outbox: %w", &gateway.Bounced{Stanza: back})}), xmlType, hello)
	if w.Code != 200 || w.Body.String() != back.XML() || w.Header().Get("Content-Type") != xmlType {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// library is an archive.
type library struct {
	all []*stanza.Stanza
	err error
}

func (l library) Query(context.Context, *stanza.Stanza) ([]*stanza.Stanza, error) {
	return l.all, l.err
}

func TestArchiveThatFails(t *testing.T) {
	query := "<iq type='set' to='room@example.com'><query xmlns='urn:xmpp:mam:2'/></iq>"
	for _, c := range []struct {
		err             error
		status          int
		condition, text string
	}{
		{gateway.ErrTooMuch, 422, "resource-constraint", "ask for pages"},
		{gateway.ErrBusy, 503, "resource-constraint", "nothing was sent"},
		{gateway.ErrSameID, 409, "conflict", "use another id"},
		{context.DeadlineExceeded, 504, "remote-server-timeout", "IQ stanza timed out"},
	} {
		n := &network{}
		h := httpapi.New(httpapi.Options{Tokens: tokens()}, rest.New(rest.Options{
			Sender: n, Requester: n, Archiver: library{err: c.err}, Domains: func() []jid.JID { return []jid.JID{jid.MustParse("bot.example.com")} },
		})).Handler()
		checkError(t, post(h, xmlType, query, "Accept", jsonType), c.status, c.condition, c.text)
		if len(n.sent) > 0 {
			t.Errorf("%v: asked without the archiver", c.err)
		}
	}
}

// Only a query of an archive has its results collected.
func TestWhoAsksAnArchive(t *testing.T) {
	for _, query := range []string{
		"<iq type='get' to='room@example.com'><query xmlns='urn:xmpp:mam:2'/></iq>",
		"<iq type='set' to='room@example.com'><prefs xmlns='urn:xmpp:mam:2'/></iq>",
		"<iq type='set' to='room@example.com'><query xmlns='jabber:iq:register'/></iq>",
	} {
		n := &network{}
		h := httpapi.New(httpapi.Options{Tokens: tokens()}, rest.New(rest.Options{
			Sender: n, Requester: n, Archiver: library{err: gateway.ErrTooMuch}, Domains: func() []jid.JID { return []jid.JID{jid.MustParse("bot.example.com")} },
		})).Handler()
		if w := post(h, xmlType, query); w.Code != 200 || len(n.sent) != 1 {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}
