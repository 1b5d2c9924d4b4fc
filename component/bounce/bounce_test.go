package bounce

import (
	"fmt"
	"testing"

	"stanzahook/component"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

var (
	bot    = jid.MustParse("bot@bot.example.com")
	juliet = jid.MustParse("juliet@example.com")
)

func handle(w *Watcher, xml string) bool {
	return w.Handle(&component.Incoming{Stanza: stanza.Must(stanza.Parse(xml, stanza.Limits{}))})
}

func failed(kind, typ, id, from, to string) string {
	return fmt.Sprintf("<%s type='%s' id='%s' from='%s' to='%s'><error type='cancel'><item-not-found xmlns='%s'/></error></%[1]s>", kind, typ, id, from, to, stanza.NSStanzas)
}

func TestHandle(t *testing.T) {
	for _, c := range []struct {
		name, xml string
		taken     bool
	}{
		{"the error", failed("message", "error", "1", "juliet@example.com", "bot@bot.example.com"), true},
		{"the error of presence", failed("presence", "error", "1", "juliet@example.com", "bot@bot.example.com"), true},
		{"from a client", failed("message", "error", "1", "juliet@example.com/balcony", "bot@bot.example.com"), true},
		{"another id", failed("message", "error", "2", "juliet@example.com", "bot@bot.example.com"), false},
		{"from somebody else", failed("message", "error", "1", "romeo@example.com", "bot@bot.example.com"), false},
		{"to somebody else", failed("message", "error", "1", "juliet@example.com", "bot.example.com"), false},
		{"no error", failed("message", "chat", "1", "juliet@example.com", "bot@bot.example.com"), false},
		{"an iq", failed("iq", "error", "1", "juliet@example.com", "bot@bot.example.com"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var w Watcher
			seen := 0
			w.Seen = func(*stanza.Stanza) { seen++ }
			x := w.Expect(bot, juliet, "1")
			if got := handle(&w, c.xml); got != c.taken {
				t.Errorf("taken %v", got)
			}
			came := false
			select {
			case <-x.Bounced():
				came = true
			default:
			}
			if b := x.End(); came != c.taken || (b != nil) != c.taken {
				t.Errorf("came %v, %v", came, b)
			}
			if x.End() != nil || w.count != 0 || len(w.watches) != 0 {
				t.Errorf("not ended: %v", w.watches)
			}
			awaited, others := w.Counters.Awaited.Load(), w.Counters.Others.Load()
			if (awaited == 1) != c.taken || awaited+others != int64(seen) || w.Watching() != 0 {
				t.Errorf("counted %d and %d, of %d", awaited, others, seen)
			}
			if want := c.name != "no error" && c.name != "an iq"; (seen == 1) != want {
				t.Errorf("seen %d times", seen)
			}
			if handle(&w, failed("message", "error", "1", "juliet@example.com", "bot@bot.example.com")) {
				t.Error("taken after the end")
			}
		})
	}
}

// Two that sent the same id get one error each.
func TestSameID(t *testing.T) {
	var w Watcher
	a, b := w.Expect(bot, juliet, "1"), w.Expect(bot, juliet, "1")
	xml := failed("message", "error", "1", "juliet@example.com", "bot@bot.example.com")
	if !handle(&w, xml) || a.End() == nil || b.bounce != nil {
		t.Error("the first error is not the first one's")
	}
	if !handle(&w, xml) || b.End() == nil || handle(&w, xml) {
		t.Error("the second error is not the second one's")
	}
}

func TestBound(t *testing.T) {
	var w Watcher
	for i := range maxWatches {
		w.Expect(bot, juliet, fmt.Sprint(i))
	}
	x := w.Expect(bot, juliet, "over")
	if handle(&w, failed("message", "error", "over", "juliet@example.com", "bot@bot.example.com")) || x.End() != nil || w.count != maxWatches {
		t.Error("the table has no bound")
	}
}
