package delivery

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// answer is an answer of a bot, and the beginning of the note on it.
type answer struct {
	status      int
	media, body string
	note        string
}

func answers() []answer {
	return []answer{
		{200, "text/html; charset=utf-8", "ok", "answered text/html; no reply is made of that: use text/plain or JSON"},
		{200, "application/json", "true", "answered a JSON boolean; no reply is made of that"},
		{200, "text/plain", "\x1b[1mx\x7f", "characters that no stanza can carry, replaced by U+FFFD: 2"},
		{200, "text/plain", "hi", ""},
		{422, "text/plain", "no", ""},
		{200, "application/json", "{", ""},
		{200, "text/html; charset=utf-8", "ok", "answered text/html"},
		{422, "text/plain", "no", ""},
	}
}

// newAnswering returns a testbed in format event whose bot answers the n-th event with the
// n-th of answers, and its log.
func newAnswering(t *testing.T, change ...func(*testbed)) (*testbed, *observer.ObservedLogs) {
	core, logs := observer.New(zapcore.InfoLevel)
	return newTestbed(t, nil, append(change, func(b *testbed) {
		b.log, b.e.Format = zap.New(core), webhook.FormatEvent
		b.bot.answer = func(w http.ResponseWriter, r *http.Request) {
			var n int
			if _, err := fmt.Sscanf(r.Header.Get("Webhook-Id"), "evt_%d", &n); err != nil {
				t.Error(err)
				return
			}
			a := answers()[n]
			w.Header().Set("Content-Type", a.media)
			w.WriteHeader(a.status)
			_, _ = w.Write([]byte(a.body))
		}
	})...), logs
}

func numbered(t *testing.T, n int) *webhook.Event {
	ev := eventOf(t, "<message type='chat' id='m' from='u@example.com/r' to='echo@bot.example.com'><body>x</body></message>")
	ev.ID = fmt.Sprint("evt_", n)
	return ev
}

// The answer is kept of failures, and of all if that is asked for. The note on an answer is with the attempt, in the log once for an endpoint, and of
// refused messages once a minute for each status.
func TestNotesOnAnswers(t *testing.T) {
	for _, queued := range []bool{true, false} {
		t.Run(fmt.Sprintf("queued %v", queued), func(t *testing.T) {
			b, logs := newAnswering(t, func(b *testbed) { b.e.Queued, b.e.KeepAnswers = queued, queued })
			for n := range answers() {
				if !b.give(numbered(t, n)) {
					t.Fatal("not taken")
				}
			}
			for n, a := range answers() {
				var d deliverylog.Delivery
				b.until("the attempt in the log", func() (ok bool) {
					var err error
					d, err = b.s.DeliveryLog().Get(t.Context(), fmt.Sprintf("evt_%d", n))
					return err == nil && len(d.Attempts) == 1
				})
				got := d.Attempts[0]
				if got.ContentType != a.media || !strings.HasPrefix(got.Note, a.note) || (got.Note == "") != (a.note == "") {
					t.Errorf("%d: %+v", n, got)
				}
				if kept := queued || got.Error != ""; (got.Answer == a.body) != kept {
					t.Errorf("%d: the answer %q is kept", n, got.Answer)
				}
			}
			if n := b.w.Counters.Attempts.Load(); n != int64(len(answers())) {
				t.Errorf("%d attempts", n)
			}
			if n := b.w.Counters.Replaced.Load(); n != 2 {
				t.Errorf("%d characters were replaced", n)
			}
			for text, times := range map[string]int{"no reply in the answer": 1, "characters in the answer": 1, "message refused": 2} {
				lines := logs.Filter(func(e observer.LoggedEntry) bool { return strings.HasPrefix(e.Message, text) })
				if lines.Len() != times {
					t.Errorf("%q: %d lines", text, lines.Len())
				}
			}
			refused := logs.FilterMessage("message refused").FilterField(zap.Int("status", 422)).All()
			if len(refused) != 1 || refused[0].Level != zapcore.WarnLevel || refused[0].ContextMap()["event"] != "evt_4" || refused[0].ContextMap()["endpoint"] != "echo" {
				t.Errorf("%+v", refused)
			}
		})
	}
}

// A copy makes no replies, so none is missed.
func TestNoNotesOnCopies(t *testing.T) {
	b, logs := newAnswering(t, func(b *testbed) { b.e.Copy, b.e.Queued = true, false })
	b.give(numbered(t, 0))
	b.until("the delivery", func() bool { return b.w.Counters.Delivered.Load() == 1 })
	if logs.Len() != 0 {
		t.Errorf("%+v", logs.All())
	}
}

// A test of an endpoint says all there is to say.
func TestTrial(t *testing.T) {
	b, _ := newAnswering(t)
	for n, want := range []struct {
		ok      bool
		replies string
	}{{true, ""}, {true, ""}, {true, "<body>\ufffd[1mx\ufffd</body>"}, {true, "<body>hi</body>"}, {false, ""}, {false, ""}} {
		a := answers()[n]
		got, err := b.w.Test(t.Context(), domain, fmt.Sprintf("evt_%d", n), webhook.Like{})
		xml := ""
		for _, s := range got.Replies {
			xml += s.XML()
		}
		if (err == nil) != want.ok || (got.Error == "") != want.ok || got.Answer != a.body || got.ContentType != a.media || got.Status != a.status ||
			!strings.HasPrefix(got.Note, a.note) || !strings.Contains(xml, want.replies) || (xml == "") != (want.replies == "") {
			t.Errorf("%d: %+v, %s, %v", n, got, xml, err)
		}
	}
}
