package disco_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/component/disco"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
)

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
	l := component.New(component.Options{Domain: jid.MustParse("bot.example.com"), Addr: srv.Addr(), Secret: secret.New("secret"), Handler: &component.Mux{}, Log: zap.NewNop()})
	run, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { l.Run(run) })
	defer wg.Wait()
	defer cancel()
	if err := l.WaitConnected(t.Context()); err != nil {
		t.Fatal(err)
	}
	for host, want := range answers {
		ctx, done := context.WithTimeout(t.Context(), 10*time.Second)
		got, err := disco.Features(ctx, l, jid.MustParse(host))
		done()
		if !slices.Equal(got, want.want) || (err != nil) != want.fails || want.condition != "" && !errors.Is(err, &stanza.Error{Condition: want.condition}) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %q, %v", host, got, err)
		}
	}
}
