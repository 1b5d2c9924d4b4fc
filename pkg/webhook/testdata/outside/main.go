// Command sender posts one message to a bot and prints the reply.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(url, message string) error {
	client, err := webhook.NewClient(&webhook.Endpoint{Name: "bot", URL: url})
	if err != nil {
		return err
	}
	defer client.Close()
	s, err := stanza.Parse(message, stanza.Limits{})
	if err != nil {
		return err
	}
	verdict := client.Post(context.Background(), &webhook.Event{ID: "evt_1", Component: s.To.Domain(), Received: time.Now(), Stanza: s})
	if verdict.Outcome != webhook.Done {
		return fmt.Errorf("%s: %s", verdict.Outcome, verdict.Reason)
	}
	for _, reply := range verdict.Replies {
		body, _ := reply.Body()
		fmt.Println(body)
	}
	return nil
}
