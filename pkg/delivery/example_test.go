package delivery_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/delivery"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/webhook"
)

// printer is a Sender that prints what would go to the XMPP server.
type printer chan string

func (p printer) Send(_ string, s *stanza.Stanza, _ bool, done func(error)) error {
	p <- s.XML()
	done(nil) // the server has it
	return nil
}

// An event is stored, delivered to a bot that is down at first, and retried; the bot's
// reply goes to the XMPP server.
func Example() {
	posts := 0
	bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if posts++; posts == 1 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, "Hello, Juliet!")
	}))
	defer bot.Close()
	dir, err := os.MkdirTemp("", "delivery")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	s, err := store.Open(ctx, store.Options{Dir: dir, MaxBytes: 64 << 20, Log: zap.NewNop()})
	if err != nil {
		panic(err)
	}
	defer s.Close()

	link := make(printer, 1)
	worker, err := delivery.NewWorker(&webhook.Endpoint{Name: "echo", URL: bot.URL, Queued: true, Schedule: []time.Duration{time.Millisecond}}, link, nil)
	if err != nil {
		panic(err)
	}
	if err := worker.Open(ctx, s); err != nil {
		panic(err)
	}
	defer worker.Stop(ctx)
	message, err := stanza.Parse(`<message type='chat' id='1' from='juliet@example.com/balcony' to='echo@bot.example.com'><body>Hi!</body></message>`, stanza.Limits{})
	if err != nil {
		panic(err)
	}
	if !worker.Enqueue(&webhook.Event{ID: "evt_1", Component: "bot.example.com", Received: time.Now(), Stanza: message}) {
		panic("too much waits")
	}
	fmt.Println(<-link)
	fmt.Println(worker.Counters.Attempts.Load(), "attempts")
	// Output:
	// <message type='chat' id='evt_1-1' from='echo@bot.example.com' to='juliet@example.com/balcony'><body>Hello, Juliet!</body><origin-id xmlns='urn:xmpp:sid:0' id='evt_1-1'/></message>
	// 2 attempts
}
