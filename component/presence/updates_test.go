package presence_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

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
