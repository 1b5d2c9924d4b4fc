package store

import (
	"context"
	"errors"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/internal/stream"
)

// answeredKeep is for how long a conversation counts as answered.
const answeredKeep = 24 * time.Hour

// Answered are the conversations whose encrypted messages were answered lately.
type Answered struct{ bucket }

func answeredConfig(o *Options) bucketConfig {
	return bucketConfig{Config: stream.Config{
		Name: "ANSWERED", About: "who was told that messages cannot be read", Subjects: "answered.*", MaxAge: answeredKeep, MaxBytes: answeredBytes(o),
	}, what: "an answered conversation", always: true}
}

// Put records that a conversation was answered now.
//
// Killed before it returns: it is recorded or not.
func (a *Answered) Put(ctx context.Context, conversation string) error {
	return a.put(ctx, conversation, nil)
}

// Has reports whether a conversation was answered within a day.
func (a *Answered) Has(ctx context.Context, conversation string) (bool, error) {
	switch _, _, err := a.get(ctx, conversation); {
	case err == nil:
		return true, nil
	case errors.Is(err, gateway.ErrNotFound):
		return false, nil
	default:
		return false, err
	}
}
