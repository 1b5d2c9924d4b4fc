package presence_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/component/presence"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
)

func TestAuto(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	var other []string
	h := component.Chain{&presence.Auto{Log: zap.NewNop()}, component.HandlerFunc(func(in *component.Incoming) bool {
		if in.Kind == stanza.Presence {
			other = append(other, in.Type)
		}
		return in.ID == "taken"
	}), component.HandlerFunc(presence.Swallow)}
	l := component.New(component.Options{Domain: jid.MustParse("bot.example.com"), Addr: srv.Addr(), Secret: secret.New("secret"), Handler: h, Log: zap.NewNop()})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { l.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	srv.WaitConnected(1)

	tag := func(typ string) string {
		return "<presence type='" + typ + "' from='u@example.com/r' to='echo@bot.example.com'/>"
	}
	srv.Send(tag("subscribe") + tag("probe") + tag("unsubscribe") + tag("subscribed") + tag("unsubscribed") + tag("unavailable") + "<presence from='u@example.com/r' to='echo@bot.example.com'/>" +
		"<iq type='get' id='end' from='u@example.com/r' to='bot.example.com'><ping xmlns='urn:x'/></iq>")
	srv.ExpectID("end")
	var got []string
	for _, s := range srv.Received() {
		got = append(got, s.XML())
	}
	want := []string{
		"<presence type='subscribed' from='echo@bot.example.com' to='u@example.com'/>",
		"<presence from='echo@bot.example.com/default' to='u@example.com/r'/>",
		"<presence from='echo@bot.example.com/default' to='u@example.com/r'/>",
		"<presence type='unsubscribed' from='echo@bot.example.com' to='u@example.com'/>",
		"<presence type='unavailable' from='echo@bot.example.com/default' to='u@example.com/r'/>",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if strings.Join(other, ",") != "unavailable," {
		t.Errorf("left to others: %q", other)
	}
}
