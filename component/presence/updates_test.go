package presence_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/component/presence"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Subscribers of a bot hear what has changed about it, and others do not; presence carries
// what it is told to.
func TestUpdates(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	st := openStore(t, t.TempDir())
	defer st.Close()
	subs := load(t, st)
	subs.Content = func(bot jid.JID) string { return "<status>" + bot.Local() + "</status>" }
	l := srv.Connect(component.Options{Handler: &presence.Auto{Subscribers: subs, Log: zap.NewNop()}})
	var others []string
	told := make(chan struct{}, 1)
	var gone atomic.Bool
	echo := jid.MustParse("echo@bot.example.com")
	subs.Exists = func(bot jid.JID) bool { return !gone.Load() || bot != echo }
	u := presence.NewUpdates(subs, func() []*component.Link { return []*component.Link{l} }, func(_ context.Context, bots map[jid.JID]bool) map[jid.JID]int {
		for bot := range bots {
			others = append(others, bot.String())
		}
		told <- struct{}{}
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	srv.Send("<presence type='subscribe' from='u@example.com' to='echo@bot.example.com'/><presence type='subscribe' from='v@example.com' to='other@bot.example.com'/>" +
		"<presence type='unsubscribe' from='v@example.com' to='echo@bot.example.com'/>")
	srv.Expect("the last answer", func(s *stanza.Stanza) bool { return s.Type == "unavailable" })
	first := srv.Expect("presence", func(s *stanza.Stanza) bool { return s.Type == "" && s.To.String() == "u@example.com" })
	if first.Inner() != "<status>echo</status>" {
		t.Error(first.XML())
	}
	for range srv.Received() {
		srv.Expect("what else was sent", func(*stanza.Stanza) bool { return true })
	}
	u.Add(echo, "<event xmlns='urn:x'/>")
	u.Add(echo, "")
	wg.Go(func() { u.Run(ctx) })
	<-told
	m := srv.Expect("the event", func(s *stanza.Stanza) bool { return s.Kind == stanza.Message })
	if m.Type != "headline" || m.From != echo || m.To.String() != "u@example.com" || m.ID == "" || m.Inner() != "<event xmlns='urn:x'/>" {
		t.Error(m.XML())
	}
	p := srv.Expect("the presence", func(s *stanza.Stanza) bool { return s.Kind == stanza.Presence })
	if p.From.String() != "echo@bot.example.com/default" || p.To.String() != "u@example.com" || p.Inner() != "<status>echo</status>" {
		t.Error(p.XML())
	}
	if strings.Join(others, " ") != "echo@bot.example.com" {
		t.Errorf("others heard of %q", others)
	}
	if rest := srv.Received(); len(rest) > 0 {
		t.Errorf("also sent: %s", rest[0].XML())
	}

	// A bot that does not exist any more has no subscribers.
	for range 2 {
		u.Recheck()
		<-told
		if rest := srv.Received(); len(rest) > 0 {
			t.Errorf("while all exist: %s", rest[0].XML())
		}
	}
	gone.Store(true)
	u.Recheck()
	<-told
	p = srv.Expect("the end", func(s *stanza.Stanza) bool { return s.Type == "unavailable" })
	if p.From.String() != "echo@bot.example.com/default" || p.Inner() != "" {
		t.Error(p.XML())
	}
	p = srv.Expect("the end of the subscription", func(s *stanza.Stanza) bool { return s.Type == "unsubscribed" })
	if p.From != echo || p.To.String() != "u@example.com" {
		t.Error(p.XML())
	}
	u.Recheck()
	<-told
	u.Add(echo, "<event xmlns='urn:x'/>")
	<-told
	if rest := srv.Received(); len(rest) > 0 {
		t.Errorf("to nobody: %s", rest[0].XML())
	}
}

// fans lets many people subscribe to a bot, and waits until the server has all answers.
func fans(t *testing.T, srv *componenttest.Server, bot string, n int) {
	t.Helper()
	for i := range n {
		srv.Send(fmt.Sprintf("<presence type='subscribe' from='u%d@example.com' to='%s'/>", i, bot))
	}
	for range n {
		srv.Expect("that somebody is subscribed", func(s *stanza.Stanza) bool { return s.Type == "subscribed" })
		srv.Expect("presence", func(s *stanza.Stanza) bool { return s.Type == "" && s.Kind == stanza.Presence })
	}
}

// A component whose server confirms nothing keeps the bots of others from nothing.
func TestUpdatesOfOneComponentWaitForNoOther(t *testing.T) {
	st := openStore(t, t.TempDir())
	defer st.Close()
	subs := load(t, st)
	var links []*component.Link
	servers := make(map[string]*componenttest.Server)
	for _, domain := range []string{"mute.example.com", "bot.example.com"} {
		srv := componenttest.NewServer(t, domain, "secret")
		servers[domain] = srv
		links = append(links, srv.Connect(component.Options{Domain: jid.MustParse(domain), Handler: &presence.Auto{Subscribers: subs, Log: zap.NewNop()}}))
	}
	mute, quick := servers["mute.example.com"], servers["bot.example.com"]
	fans(t, mute, "a@mute.example.com", 150)
	fans(t, quick, "echo@bot.example.com", 1)
	subs.Content = func(jid.JID) string { return "<status>new</status>" }
	isNew := func(s *stanza.Stanza) bool { return s.Inner() == "<status>new</status>" }
	mute.SwallowMarkers(true)
	u := presence.NewUpdates(subs, func() []*component.Link { return links }, func(context.Context, map[jid.JID]bool) map[jid.JID]int { return nil })
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { u.Run(ctx) })
	u.Add(jid.MustParse("a@mute.example.com"), "")
	for range 99 { // from here on a confirmation is waited for
		mute.Expect("the presence", isNew)
	}
	u.Add(jid.MustParse("echo@bot.example.com"), "")
	quick.Expect("the presence of a bot of another component", isNew)
}

// Somebody who sends without a pause keeps nobody from hearing of a bot.
func TestUpdatesWhileOthersSend(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	st := openStore(t, t.TempDir())
	defer st.Close()
	subs := load(t, st)
	l := srv.Connect(component.Options{Handler: &presence.Auto{Subscribers: subs, Log: zap.NewNop()}})
	fans(t, srv, "echo@bot.example.com", 150)
	var over atomic.Bool
	message := func() *stanza.Stanza {
		s, err := stanza.Build(stanza.Header{Kind: stanza.Message, Type: "chat", From: jid.MustParse("loud@bot.example.com"), To: jid.MustParse("u@example.com")}, "<body>x</body>", stanza.Limits{})
		if err != nil {
			t.Error(err)
		}
		return s
	}
	srv.Answer(func(s *stanza.Stanza) string { // before the marker behind it comes back: the queue is never empty
		if s.Type == "chat" && !over.Load() {
			if err := l.Send(message(), nil); err != nil {
				t.Error(err)
			}
		}
		return ""
	})
	require.NoError(t, l.Send(message(), nil))
	subs.Content = func(jid.JID) string { return "<status>new</status>" }
	u := presence.NewUpdates(subs, func() []*component.Link { return []*component.Link{l} }, func(context.Context, map[jid.JID]bool) map[jid.JID]int { return nil })
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { u.Run(ctx) })
	u.Add(jid.MustParse("echo@bot.example.com"), "")
	for range 150 {
		srv.Expect("the presence", func(s *stanza.Stanza) bool { return s.Inner() == "<status>new</status>" })
	}
	over.Store(true)
	if n := u.Counters.Told.Load(); n > 150 || u.Waiting() != 0 {
		t.Errorf("%d were told, and %d wait", n, u.Waiting())
	}
}
