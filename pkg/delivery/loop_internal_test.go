package delivery

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// Bots that answer each other stop after five answers: the sixth is a dead letter,
// and its sender gets an error. A bot cannot write the count itself, and answers to people
// are not counted.
func TestLoopEnds(t *testing.T) {
	for _, queued := range []bool{true, false} {
		for _, format := range []webhook.Format{webhook.FormatEvent, webhook.FormatComponentHTTP} {
			t.Run(fmt.Sprintf("queued=%v %s", queued, format), func(t *testing.T) {
				posts := 0
				b := newTestbed(t, nil, func(b *testbed) {
					b.e.Format, b.e.Queued, b.e.Components = format, queued, []string{domain}
					b.link.back = func(ev *webhook.Event) { b.give(ev) }
					b.bot.answer = func(w http.ResponseWriter, r *http.Request) {
						if body, _ := io.ReadAll(r.Body); strings.Contains(string(body), "type='error'") {
							return
						}
						posts++
						w.Header().Set("Content-Type", "application/json")
						fmt.Fprint(w, `{"kind":"message","stanza":"<message><body>and you</body><hops xmlns='urn:stanzahook:hops:0'>0</hops></message>"}`)
					}
				})
				b.give(eventOf(t, "<message id='1' type='chat' from='a@bot.example.com' to='b@bot.example.com'><body>hi</body></message>"))
				last := b.replies(7)[6]
				if e, ok := last.StanzaError(); !ok || e.Condition != stanza.PolicyViolation || posts != 6 || b.w.Counters.Loops.Load() != 1 {
					t.Errorf("%d posts, %d loops, the last stanza %s", posts, b.w.Counters.Loops.Load(), last.XML())
				}
				for i, x := range b.link.all()[:6] {
					if want := fmt.Sprintf("<hops xmlns='urn:stanzahook:hops:0'>%d</hops></message>", i+1); strings.Count(x.XML(), "<hops") != 1 || !strings.HasSuffix(x.XML(), want) {
						t.Errorf("answer %d: %s", i+1, x.XML())
					}
				}
				dead, _, err := b.s.DeadLetters().List(t.Context(), deliverylog.Filter{Endpoint: "echo"})
				if err != nil || len(dead) != 1 || dead[0].Reason != "loop" || !strings.HasPrefix(dead[0].Type, "message.") {
					t.Errorf("dead letters %+v, %v", dead, err)
				}
				n := len(b.link.all())
				b.give(eventOf(t, "<message id='2' type='chat' from='u@example.com/r' to='b@bot.example.com'><body>hi</body><hops xmlns='urn:stanzahook:hops:0'>99</hops></message>"))
				if x := b.replies(n + 1)[n]; strings.Contains(x.XML(), "hops") || x.Type == "error" {
					t.Errorf("the answer to a person: %s", x.XML())
				}
			})
		}
	}
}

// Answers with nothing in them are counted as well: bots that answer presence with
// presence stop, too.
func TestLoopOfEmptyAnswers(t *testing.T) {
	b := newTestbed(t, nil, func(b *testbed) {
		b.e.Queued, b.e.Components = false, []string{domain}
		b.link.back = func(ev *webhook.Event) { b.give(ev) }
		b.bot.answer = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/xmpp+xml")
			fmt.Fprint(w, `<presence/>`)
		}
	})
	b.give(eventOf(t, "<presence id='1' from='a@bot.example.com' to='b@bot.example.com'/>"))
	for end := time.Now().Add(time.Minute); b.w.Counters.Loops.Load() == 0; time.Sleep(time.Millisecond) {
		if n := len(b.link.all()); n > webhook.MaxHops+2 || time.Now().After(end) {
			t.Fatalf("it goes on: %d answers", n)
		}
	}
	for i, x := range b.link.all()[:webhook.MaxHops+1] {
		if want := fmt.Sprintf("<hops xmlns='urn:stanzahook:hops:0'>%d</hops></presence>", i+1); !strings.HasSuffix(x.XML(), want) {
			t.Errorf("answer %d: %s", i+1, x.XML())
		}
	}
}
