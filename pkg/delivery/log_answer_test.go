package delivery_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"stanzahook/pkg/store"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// said is an answer of a bot, and what stanzahook says of it.
type said struct {
	status      int
	media, body string
	note        string
}

func answers() []said {
	return []said{
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

// sayingBot answers to the n-th event what answers has there.
func sayingBot(t *testing.T) *bot {
	return newBot(t, func(w http.ResponseWriter, r *http.Request) {
		var n int
		if _, err := fmt.Sscanf(r.Header.Get("Webhook-Id"), "evt_%d", &n); err != nil {
			t.Error(err)
			return
		}
		a := answers()[n]
		w.Header().Set("Content-Type", a.media)
		w.WriteHeader(a.status)
		_, _ = w.Write([]byte(a.body))
	})
}

// What is to be known of an answer is with the attempt, in the log once for an
// endpoint, and of refused messages one a minute for each status.
func TestWhatIsToldOfAnswers(t *testing.T) {
	for _, queued := range []bool{true, false} {
		t.Run(fmt.Sprintf("queued %v", queued), func(t *testing.T) {
			bot := sayingBot(t)
			s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Sync: store.SyncInterval, MaxBytes: 256 << 20, Log: zap.NewNop()})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			core, logs := observer.New(zapcore.InfoLevel)
			w := newWorker(t, endpoint(bot.URL, func(e *webhook.Endpoint) { e.Queued = queued }), newLink(), zap.New(core))
			if err := w.Open(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			defer w.Stop(t.Context())
			deliver := w.Deliver
			if queued {
				deliver = w.Enqueue
			}
			for n := range answers() {
				ev := event(t, fmt.Sprint(n), "<message type='chat' id='m' from='u@example.com/r' to='echo@"+domain+"'><body>x</body></message>")
				ev.Received = time.Now()
				if !deliver(ev) {
					t.Fatal("not taken")
				}
			}
			waitFor(t, func() bool { return w.Counters.Attempts.Load() == int64(len(answers())) })
			for n, a := range answers() {
				var d deliverylog.Delivery
				waitFor(t, func() bool {
					d, err = s.DeliveryLog().Get(t.Context(), fmt.Sprintf("evt_%d", n))
					return err == nil && len(d.Attempts) == 1
				})
				got := d.Attempts[0]
				if got.ContentType != a.media || !strings.HasPrefix(got.Note, a.note) || (got.Note == "") != (a.note == "") {
					t.Errorf("%d: %+v", n, got)
				}
			}
			if n := w.Counters.Replaced.Load(); n != 2 {
				t.Errorf("%d characters were replaced", n)
			}
			for text, times := range map[string]int{"no reply in the answer": 1, "characters in the answer": 1, "message refused": 2} {
				var lines []observer.LoggedEntry
				for _, e := range logs.All() {
					if strings.HasPrefix(e.Message, text) {
						lines = append(lines, e)
					}
				}
				if len(lines) != times {
					t.Errorf("%q: %d lines", text, len(lines))
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
func TestNothingIsToldOfCopies(t *testing.T) {
	bot := sayingBot(t)
	core, logs := observer.New(zapcore.InfoLevel)
	w := newWorker(t, endpoint(bot.URL, func(e *webhook.Endpoint) { e.Copy = true }), newLink(), zap.New(core))
	defer w.Stop(t.Context())
	w.Deliver(event(t, "0", "<message from='u@example.com/r' to='echo@"+domain+"'><body>x</body></message>"))
	waitFor(t, func() bool { return w.Counters.Delivered.Load() == 1 })
	if logs.Len() != 0 {
		t.Errorf("%+v", logs.All())
	}
}

// A test of an endpoint says all there is to say.
func TestTrial(t *testing.T) {
	bot := sayingBot(t)
	w := newWorker(t, endpoint(bot.URL), newLink(), zap.NewNop())
	defer w.Stop(t.Context())
	for n, want := range []struct {
		ok      bool
		replies string
	}{{true, ""}, {true, ""}, {true, "<body>\ufffd[1mx\ufffd</body>"}, {true, "<body>hi</body>"}, {false, ""}, {false, ""}} {
		a := answers()[n]
		got, err := w.Test(t.Context(), domain, fmt.Sprintf("evt_%d", n))
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
