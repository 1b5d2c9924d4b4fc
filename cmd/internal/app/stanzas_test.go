package app

import (
	"fmt"
	"net/http"
	"testing"

	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/stanza"
)

const ping = "<iq type='get' id='%s' from='u@example.com/r' to='bot.example.com'><ping xmlns='urn:xmpp:ping'/></iq>"

// Each stanza that a server should not send gets its answer, and the link reads on.
func TestBadStanzas(t *testing.T) {
	bot := newBot(t, "bot")
	bot.answer(http.StatusNoContent)
	x := startApp(t, noAuth+fmt.Sprintf("endpoints: [{name: bot, url: %q}]\n", bot.URL))
	for i, tc := range harness.BadStanzas {
		id := fmt.Sprint("stanza", i)
		x.srv.Send(fmt.Sprintf(tc.XML, "id='"+id+"' from='u@example.com/r' to='bot.example.com'"))
		if tc.Want == "" {
			continue
		}
		if e, _ := x.srv.ExpectID(id).StanzaError(); e == nil || e.Condition != tc.Want {
			t.Errorf("%s: %v, want %s", tc.Name, e, tc.Want)
		}
	}
	x.srv.Send(fmt.Sprintf(ping, "behind"))
	x.srv.ExpectID("behind")
	x.undisturbed()
}

// undisturbed checks that the server got nothing else, and closed no connection.
func (x *running) undisturbed() {
	x.t.Helper()
	for _, s := range x.srv.Received() {
		if s.Kind != stanza.IQ || s.Type != "get" { // after a minute the server is asked for its features
			x.t.Fatalf("also sent: %s", s.XML())
		}
	}
	if bad := x.srv.Bad(); len(bad) > 0 {
		x.t.Errorf("the server got %q", bad)
	}
	if n := x.links["bot.example.com"].Counters.Reconnects.Load(); n != 0 {
		x.t.Errorf("%d reconnects", n)
	}
}

// When a bot hangs, a queue that is full bounces events, the link reads on, and what was
// queued is delivered when the bot is back.
func TestFlood(t *testing.T) {
	hang := make(chan struct{})
	bot := newWeb(t, func(w http.ResponseWriter, r *http.Request) {
		<-hang
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, "taken")
	})
	x := startApp(t, noAuth+fmt.Sprintf("endpoints: [{name: bot, url: %q, timeout: 60s}]\n", bot.URL))
	const taken, over = 10_000, 500
	for i := range taken + over {
		x.send("u", "echo", fmt.Sprint(i))
		if i%500 == 0 { // the reader answers in between
			id := fmt.Sprint("ping-", i)
			x.srv.Send(fmt.Sprintf(ping, id))
			x.srv.ExpectID(id)
		}
	}
	for i := taken; i < taken+over; i++ {
		e, _ := x.srv.Expect("a bounce", func(s *stanza.Stanza) bool { return s.Type == "error" }).StanzaError()
		if e.Type != stanza.Wait || e.Condition != stanza.ResourceConstraint {
			t.Fatalf("bounce %d: %v", i, e)
		}
	}
	close(hang)
	for range taken {
		x.srv.Expect("an answer", func(s *stanza.Stanza) bool { return s.Type == "chat" })
	}
	x.undisturbed()
}

// At the end subscribers get unavailable presence, and the stream is closed.
func TestShutdown(t *testing.T) {
	x := startApp(t, noAuth)
	x.srv.Send("<presence type='subscribe' from='u@example.com' to='echo@bot.example.com'/>")
	x.srv.Expect("availability", func(s *stanza.Stanza) bool { return s.Kind == stanza.Presence && s.Type == "" })
	x.Stop()
	x.srv.Expect("unavailability", func(s *stanza.Stanza) bool {
		return s.Type == "unavailable" && s.From.String() == "echo@bot.example.com/default" && s.To.String() == "u@example.com"
	})
	x.srv.ExpectGoodbye()
}
