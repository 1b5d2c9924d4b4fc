package presence_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/component/presence"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

func openStore(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: dir, MaxBytes: 64 << 20})
	require.NoError(t, err)
	return s
}

func load(t *testing.T, s *store.Store) *presence.Subscribers {
	t.Helper()
	subs, err := presence.LoadSubscribers(t.Context(), s.Subscribers(), zap.NewNop())
	require.NoError(t, err)
	return subs
}

// Subscribers get the presence of the bots, also from the next
// process; those who unsubscribed do not.
func TestSubscribersAreKept(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	dir := t.TempDir()
	live := func(talk func(l *component.Link, subs *presence.Subscribers)) {
		st := openStore(t, dir)
		defer st.Close()
		subs := load(t, st)
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() { subs.Run(ctx) })
		defer wg.Wait()
		defer cancel()
		var l *component.Link
		l = component.New(component.Options{Domain: jid.MustParse("bot.example.com"), Addr: srv.Addr(), Secret: secret.New("secret"),
			Handler: &presence.Auto{Subscribers: subs, Log: zap.NewNop()},
			OnUp:    func(ctx context.Context) { subs.Announce(ctx, l, "") }})
		defer componenttest.Run(t, l)()
		require.NoError(t, l.WaitConnected(t.Context()))
		talk(l, subs)
	}
	is := func(typ, from, to string) func(*stanza.Stanza) bool {
		return func(s *stanza.Stanza) bool {
			return s.Kind == stanza.Presence && s.Type == typ && s.From.String() == from && s.To.String() == to
		}
	}
	live(func(*component.Link, *presence.Subscribers) {
		srv.Send("<presence type='subscribe' from='u@example.com' to='echo@bot.example.com'/><presence type='probe' from='v@example.com/r' to='bot.example.com'/>" +
			"<presence type='subscribe' from='w@example.com' to='echo@bot.example.com'/><presence type='unsubscribe' from='w@example.com' to='echo@bot.example.com'/>")
		srv.Expect("unsubscribed", is("unavailable", "echo@bot.example.com/default", "w@example.com"))
	})
	for _, s := range srv.Received() {
		srv.ExpectID(s.ID)
	}
	live(func(l *component.Link, subs *presence.Subscribers) {
		srv.Expect("presence for u", is("", "echo@bot.example.com/default", "u@example.com"))
		srv.Expect("presence for v", is("", "bot.example.com/default", "v@example.com"))
		subs.Announce(t.Context(), l, "unavailable")
		srv.Expect("the end for u", is("unavailable", "echo@bot.example.com/default", "u@example.com"))
		srv.Expect("the end for v", is("unavailable", "bot.example.com/default", "v@example.com"))
	})
	if rest := srv.Received(); len(rest) > 0 {
		t.Errorf("also sent: %s", rest[0].XML())
	}
}

func TestAuto(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	st := openStore(t, t.TempDir())
	defer st.Close()
	var other []string
	h := component.Chain{&presence.Auto{Subscribers: load(t, st), Log: zap.NewNop()}, component.HandlerFunc(func(in *component.Incoming) bool {
		if in.Kind == stanza.Presence {
			other = append(other, in.Type)
		}
		return in.ID == "taken"
	}), component.HandlerFunc(presence.Swallow)}
	_, stop := srv.Run(component.Options{Handler: h})
	defer stop()
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
