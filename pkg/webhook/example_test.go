package webhook_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// A message is posted to a bot, which answers with a text.
func Example() {
	bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("the bot gets", r.Header.Get("Webhook-Id"))
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, "Hello, Juliet!")
	}))
	defer bot.Close()

	client, err := webhook.NewClient(&webhook.Endpoint{Name: "echo", URL: bot.URL})
	if err != nil {
		panic(err)
	}
	defer client.Close()
	message, err := stanza.Parse(`<message type='chat' id='1' from='juliet@example.com/balcony' to='echo@bot.example.com'><body>Hi!</body></message>`, stanza.Limits{})
	if err != nil {
		panic(err)
	}
	verdict := client.Post(context.Background(), &webhook.Event{ID: "evt_1", Component: "bot.example.com", Received: time.Now(), Stanza: message})
	fmt.Println(verdict.Outcome, verdict.Status)
	for _, reply := range verdict.Replies {
		fmt.Println(reply.XML())
	}
	// Output:
	// the bot gets evt_1
	// done 200
	// <message type='chat' id='evt_1-1' from='echo@bot.example.com' to='juliet@example.com/balcony'><body>Hello, Juliet!</body><origin-id xmlns='urn:xmpp:sid:0' id='evt_1-1'/></message>
}
