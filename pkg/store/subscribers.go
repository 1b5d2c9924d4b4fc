package store

import "context"

// Subscriber is a user who sees the presence of a bot.
type Subscriber struct {
	Bot  string `json:"bot"`  // bare JID in a component's domain
	User string `json:"user"` // bare JID
}

// Subscribers are the users who see the presence of bots.
type Subscribers struct{ bucket }

func subscribersConfig() bucketConfig {
	return bucketConfig{Config: keyValue("subscribers", "who sees the presence of the bots"), what: "a subscriber", always: true}
}

// Put stores a subscriber.
//
// Killed before it returns: the subscriber is stored or not; the user's server probes the
// bot again at the next login.
func (s *Subscribers) Put(ctx context.Context, sub Subscriber) error {
	return s.putJSON(ctx, Conversation(sub.User, sub.Bot), sub)
}

// Remove removes a subscriber, who need not be there.
//
// Killed before it returns: the subscriber may still be stored.
func (s *Subscribers) Remove(ctx context.Context, sub Subscriber) error {
	return s.remove(ctx, Conversation(sub.User, sub.Bot))
}

// All returns all subscribers.
func (s *Subscribers) All(ctx context.Context) ([]Subscriber, error) {
	return allJSON[Subscriber](ctx, &s.bucket)
}
