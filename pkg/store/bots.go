package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/internal/stream"
)

// BotRecord is what the API has set of a bot.
type BotRecord struct {
	Bot  string          `json:"bot"` // bare JID
	Data json.RawMessage `json:"data"`
}

// Bots are the bots that the API has set something of.
type Bots struct{ bucket }

// Put stores a record.
//
// Killed before it returns: the record is the old one or the new one.
func (b *Bots) Put(ctx context.Context, rec BotRecord) error {
	return b.putJSON(ctx, Conversation(rec.Bot, ""), rec)
}

// Get returns the record of a bot. Errors: gateway.ErrNotFound.
func (b *Bots) Get(ctx context.Context, bot string) (rec BotRecord, err error) {
	data, _, err := b.get(ctx, Conversation(bot, ""))
	if err == nil {
		if err = json.Unmarshal(data, &rec); err != nil {
			err = fmt.Errorf("read %s: %w", b.what, err)
		}
	}
	return rec, err
}

// Remove removes the record of a bot.
//
// Killed before it returns: the record may still be there.
func (b *Bots) Remove(ctx context.Context, bot string) error {
	return b.remove(ctx, Conversation(bot, ""))
}

// All returns all records.
func (b *Bots) All(ctx context.Context) ([]BotRecord, error) {
	return allJSON[BotRecord](ctx, &b.bucket)
}

// Avatars are the images of avatars by their ids, which are made of letters and digits.
type Avatars struct {
	bucket
	most int64 // bytes of the stream
}

// avatarsConfig has no bound: NATS would keep what it writes of the stream in pieces of 8 MiB in
// memory, and keeps pieces of 4 MiB so.
func avatarsConfig() bucketConfig {
	return bucketConfig{Config: stream.Config{Name: "AVATARS", About: "the avatars of bots of the API", Subjects: "avatar.*", RefuseNew: true}, what: "an avatar"}
}

// Put stores an image, unless the stream is larger than avatars may make it: so they leave others in
// it, on NATS, their room. It is called by one at a time.
//
// Killed before it returns: it is there or not. Errors: gateway.ErrFull.
func (a *Avatars) Put(ctx context.Context, id string, image []byte) error {
	state, err := a.st.State(ctx)
	if err == nil && int64(state.Bytes)+int64(len(image)) > a.most {
		err = gateway.ErrFull
	}
	if err != nil {
		return fmt.Errorf("store %s: %w", a.what, err)
	}
	return a.put(ctx, id, image)
}

// Get returns an image. Errors: gateway.ErrNotFound.
func (a *Avatars) Get(ctx context.Context, id string) ([]byte, error) {
	image, _, err := a.get(ctx, id)
	return image, err
}

// Remove removes an image, and leaves nothing behind.
//
// Killed before it returns, or in the minutes after it: it may still be there. Who starts removes
// those that no bot has.
func (a *Avatars) Remove(ctx context.Context, id string) error {
	if err := a.st.Purge(context.WithoutCancel(ctx), a.prefix+id, 0); err != nil {
		return fmt.Errorf("remove an avatar: %w", err)
	}
	return nil
}

// IDs returns the ids of all images.
func (a *Avatars) IDs(ctx context.Context) ([]string, error) {
	state, err := a.st.StateOf(ctx, a.prefix+"*")
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", a.About, err)
	}
	ids := make([]string, 0, len(state.Subjects))
	for subject := range state.Subjects {
		ids = append(ids, strings.TrimPrefix(subject, a.prefix))
	}
	return ids, nil
}
