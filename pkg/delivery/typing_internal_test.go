package delivery

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// shown are the chat states in what was sent, with their addresses and types.
func shown(l *link) []string {
	all := []string{}
	for _, s := range l.all() {
		if webhook.IsTyping(s) {
			state := "composing"
			if strings.Contains(s.XML(), "<active ") {
				state = "active"
			}
			all = append(all, fmt.Sprintf("%s %s %s > %s", state, s.Type, s.From, s.To))
		}
	}
	return all
}

func wantShown(t *testing.T, l *link, want ...string) {
	t.Helper()
	if got := shown(l); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("shown is\n%s, not\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The sender sees it after the time, again every 20 seconds, and no more at the end.
func TestTypingIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &link{}
		e := endpoint("http://127.0.0.1:1/hook")
		e.Typing = webhook.Typing{After: time.Second}
		e.Components = []string{domain, "other.example.com"}
		w, err := NewWorker(e, out, nil)
		if err != nil {
			t.Fatal(err)
		}
		said := func(typ, from, body string) *webhook.Event {
			ev := eventOf(t, fmt.Sprintf("<message type='%s' from='%s' to='echo@bot.example.com'>%s</message>", typ, from, body))
			ev.Received = time.Now()
			return ev
		}
		const body, mine, composing, active = "<body>hi</body>", "u@example.com/r", "composing chat echo@bot.example.com > u@example.com/r", "active chat echo@bot.example.com > u@example.com/r"
		show := func(e *webhook.Endpoint, wait time.Duration, v webhook.Verdict, events ...*webhook.Event) {
			*out = link{}
			typing := w.attempts.showTyping(e, events...)
			time.Sleep(wait)
			synctest.Wait()
			typing.end(v)
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		none, answered := webhook.Verdict{}, webhook.Verdict{Replies: []*stanza.Stanza{parsed("<message from='echo@bot.example.com' to='u@example.com/r'><body>x</body></message>")}}
		thread := said("chat", mine, body+"<thread>t1</thread>")
		show(e, 45*time.Second, none, thread)
		wantShown(t, out, composing, composing, composing, active)
		if s := out.all()[0]; !strings.Contains(s.XML(), "<no-store xmlns='urn:xmpp:hints'/>") || !strings.Contains(s.XML(), "<thread>t1</thread>") || s.ID == "" {
			t.Error(s.XML())
		}
		show(e, 3*time.Second, answered, said("chat", mine, body))
		wantShown(t, out, composing)
		show(e, 999*time.Millisecond, none, said("chat", mine, body))
		wantShown(t, out)
		// what is no answer to the sender takes it back, too
		show(e, 3*time.Second, webhook.Verdict{Outcome: webhook.Again}, said("normal", mine, body))
		wantShown(t, out, composing, active)
		show(e, 3*time.Second, webhook.Verdict{Replies: []*stanza.Stanza{parsed("<message to='x@example.com'><body>x</body></message>")}}, said("chat", mine, body))
		wantShown(t, out, composing, active)
		// of several events the last that counts
		show(e, 3*time.Second, none, said("chat", "u@example.com/old", body), said("chat", mine, body), said("chat", "u@example.com/r2", "<active xmlns='http://jabber.org/protocol/chatstates'/>"))
		wantShown(t, out, composing, active)

		old := said("chat", mine, body)
		old.Received = time.Now().Add(-time.Hour)
		test := said("chat", mine, body)
		test.Test = true
		const room = "ops@rooms.example.com/Alice"
		for what, ev := range map[string]*webhook.Event{
			"no resource": said("chat", "u@example.com", body), "a headline": said("headline", mine, body), "an error": said("error", mine, body), "an old one": old, "a test": test,
			"another bot of ours": said("chat", "x@other.example.com/r", body), "a receipt": said("chat", mine, "<received xmlns='urn:xmpp:receipts' id='1'/>"), "a room": said("groupchat", room, body),
			"a presence": {Component: domain, Received: time.Now(), Stanza: parsed("<presence from='u@example.com/r' to='echo@bot.example.com'/>")},
		} {
			show(e, 3*time.Second, none, ev)
			if n := len(out.all()); n > 0 {
				t.Errorf("%s: %d shown", what, n)
			}
		}
		rooms := *e
		rooms.Typing.Rooms = true
		show(&rooms, 3*time.Second, none, said("groupchat", room, body))
		wantShown(t, out, "composing groupchat echo@bot.example.com > ops@rooms.example.com", "active groupchat echo@bot.example.com > ops@rooms.example.com")
		off := *e
		off.Typing.After = 0
		show(&off, time.Minute, none, said("chat", mine, body))
		wantShown(t, out)
		if n := w.Counters.Typing.Load(); n != 6 {
			t.Errorf("%d are counted", n)
		}
	})
}

// A request is shown, alone and in a batch, from the queue and directly; each attempt begins
// anew. One that is answered in time is not shown.
func TestTypingOfRequests(t *testing.T) {
	for _, how := range []string{"queued", "batch", "direct"} {
		t.Run(how, func(t *testing.T) {
			var requests atomic.Int64
			out := &link{}
			bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n := int(requests.Add(1))
				for r.URL.Path == "/slow" && strings.Count(strings.Join(shown(out), "\n"), "composing") < n {
					time.Sleep(time.Millisecond)
				}
				if n == 1 && how != "direct" {
					w.WriteHeader(503)
					return
				}
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprint(w, map[bool]string{true: `["done"]`, false: `"done"`}[how == "batch"])
			}))
			defer bot.Close()
			run := func(path string, after time.Duration, want ...string) {
				requests.Store(0)
				b := newTestbed(t, nil, func(b *testbed) {
					*out = link{}
					b.link = out
					b.e.URL, b.e.Format, b.e.Queued, b.e.Timeout = bot.URL+path, webhook.FormatEvent, how != "direct", 2*time.Minute
					b.e.Typing.After = after
					if how == "batch" {
						b.e.Batch = 5
					}
				})
				b.put("u1")
				b.replies(len(want))
				b.close()
				var got []string
				for _, s := range out.all() {
					state, _, _ := strings.Cut(strings.Join(shown(&link{sent: []*stanza.Stanza{s}}), ""), " ")
					got = append(got, state)
				}
				if strings.Join(got, ",") != strings.Join(want, ",") {
					t.Errorf("sent %q, not %q", got, want)
				}
			}
			run("/fast", time.Minute, "")
			if how == "direct" {
				run("/slow", time.Millisecond, "composing", "")
			} else {
				run("/slow", time.Millisecond, "composing", "active", "composing", "")
			}
		})
	}
}
