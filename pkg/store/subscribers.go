package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Subscriber is a user who sees the presence of a bot.
type Subscriber struct {
	Bot  string `json:"bot"`  // bare JID in a component's domain
	User string `json:"user"` // bare JID
}

func (e *engine) openSubscribers(ctx context.Context) error {
	kv, err := e.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: "subscribers", Description: "who sees the presence of the bots", History: 1, Storage: jetstream.FileStorage,
	})
	if err != nil {
		return fmt.Errorf("open the subscribers: %w", err)
	}
	e.people = kv
	return nil
}

// PutSubscriber stores a subscriber, or removes it.
func (s *Store) PutSubscriber(ctx context.Context, sub Subscriber, subscribed bool) error {
	key := Conversation(sub.User, sub.Bot)
	if !subscribed {
		if err := s.eng.Load().people.Purge(ctx, key); err != nil {
			return fmt.Errorf("remove a subscriber: %w", err)
		}
		return nil
	}
	data, err := json.Marshal(sub)
	if err != nil {
		return fmt.Errorf("store a subscriber: %w", err)
	}
	if _, err := s.eng.Load().people.Put(ctx, key, data); err != nil {
		return fmt.Errorf("store a subscriber: %w", err)
	}
	return nil
}

// Subscribers returns all subscribers.
func (s *Store) Subscribers(ctx context.Context) ([]Subscriber, error) {
	w, err := s.eng.Load().people.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return nil, fmt.Errorf("read the subscribers: %w", err)
	}
	defer func() { _ = w.Stop() }()
	var all []Subscriber
	for {
		select {
		case e := <-w.Updates():
			if e == nil {
				return all, nil
			}
			var sub Subscriber
			if err := json.Unmarshal(e.Value(), &sub); err != nil {
				s.log.Error("a subscriber in the store is damaged: " + err.Error())
				continue
			}
			all = append(all, sub)
		case <-ctx.Done():
			return nil, fmt.Errorf("read the subscribers: %w", ctx.Err())
		}
	}
}
