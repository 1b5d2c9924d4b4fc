package app

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"

	"stanzahook/cmd/internal/cli"
	"stanzahook/httpapi"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/webhook"
)

// deaf takes whatever is sent to the XMPP server.
type deaf struct{}

func (deaf) Send(_ string, _ *stanza.Stanza, _ bool, done func(error)) error {
	go done(nil)
	return nil
}

// The way of an event that a bot refuses: dead letter, list, replay, delivered.
func TestAnOperatorReplaysADeadLetter(t *testing.T) {
	var status atomic.Int32
	status.Store(422)
	bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(int(status.Load()))
		_, _ = w.Write([]byte("no such order")) // nothing, with 204
	}))
	t.Cleanup(bot.Close)
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Sync: store.SyncInterval, MaxBytes: 64 << 20, MaxStanzaBytes: 1 << 18, Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	w := newWorker(t, &webhook.Endpoint{
		Name: "echo", URL: bot.URL, Headers: http.Header{"Authorization": {"secret"}}, Kinds: []stanza.Kind{stanza.Message}, Format: webhook.FormatEvent, Queued: true,
		Timeout: 5 * time.Second, Concurrency: 4, Schedule: []time.Duration{time.Second}, MaxAge: time.Hour,
	}, deaf{}, zap.NewNop())
	if err := w.Open(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Stop(context.Background()) })

	workers := []*delivery.Worker{w}
	api := httptest.NewServer(httpapi.New(httpapi.Options{NoAuth: true}, v1.New(v1.Options{
		Deliveries: delivery.NewDeliveries(s, workers, nil), Endpoints: &endpoints{s, workers, nil, "bot.example.com"},
	})).Handler())
	t.Cleanup(api.Close)
	t.Setenv(cli.EnvAPI, api.URL)
	eventually := func(part string, args ...string) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; {
			if err := s.DeliveryLog().Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			_, out, errs := inProgram(t, append([]string{"deliveries"}, args...)...)
			if strings.Contains(out, part) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%v: %q is not in %s%s", args, part, out, errs)
			}
		}
	}

	in, err := stanza.Parse("<message from='u@example.com/x' to='echo@bot.example.com' type='chat' id='7'><body>x</body></message>", stanza.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	id := "evt_" + ulid.Make().String()
	if !w.Enqueue(&webhook.Event{ID: id, Component: "bot.example.com", Received: time.Now(), Stanza: in}) {
		t.Fatal("the event was not taken")
	}
	eventually(id, "list", "--dead", "--endpoint", "echo")
	eventually("answer:     no such order", "show", id)
	status.Store(204)
	eventually("1 dead letter of echo", "replay", "--endpoint", "echo")
	eventually("delivered", "show", id)
	eventually("nothing found", "list", "--dead")

	body, err := http.Get(api.URL + "/v1/endpoints/echo")
	if err != nil {
		t.Fatal(err)
	}
	defer body.Body.Close()
	var b strings.Builder
	if _, err := io.Copy(&b, body.Body); err != nil || !strings.Contains(b.String(), `"state":"ok"`) || strings.Contains(b.String(), "secret") || !strings.Contains(b.String(), `"delivered":1`) {
		t.Errorf("%s, %v", b.String(), err)
	}
}

func newWorker(t testing.TB, e *webhook.Endpoint, sender delivery.Sender, log *zap.Logger) *delivery.Worker {
	t.Helper()
	w, err := delivery.NewWorker(e, sender, log)
	if err != nil {
		t.Fatal(err)
	}
	return w
}
