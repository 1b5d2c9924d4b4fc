package store_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"stanzahook/pkg/store"
)

// An event is stored, read again by the next process, and removed when it is finished.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "store")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	s, err := store.Open(ctx, store.Options{Dir: dir})
	if err != nil {
		log.Fatal(err)
	}
	queue, err := s.Queues().Open(ctx, "echo")
	if err != nil {
		log.Fatal(err)
	}
	now := time.Now()
	conversation := store.Conversation("romeo@example.com", "echo@bot.example.com")
	stored := make(chan error)
	err = queue.Append(&store.Record{
		ID: "evt_1", Component: "bot.example.com", Conversation: conversation,
		Received: now, Since: now, Stanza: "<message><body>hello</body></message>",
	}, func(_ uint64, err error) { stored <- err })
	if err == nil {
		err = <-stored
	}
	if err != nil {
		log.Fatal(err)
	}
	s.Close()

	if s, err = store.Open(ctx, store.Options{Dir: dir}); err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	if queue, err = s.Queues().Open(ctx, "echo"); err != nil {
		log.Fatal(err)
	}
	events, err := queue.Read(ctx, conversation, 0, 10)
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range events {
		fmt.Println(e.ID, e.Stanza)
		queue.Ack(e.Conversation, e.Seq)
	}
	// Output: evt_1 <message><body>hello</body></message>
}
