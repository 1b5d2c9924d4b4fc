package store

import (
	"context"
	"fmt"
	"time"

	"stanzahook/pkg/store/internal/stream"
)

// questionKeep is how long a question is kept: as long as it may be answered by its buttons.
const questionKeep = time.Hour

// Questions are the last messages with buttons of conversations, as message.Questions has them.
type Questions struct{ bucket }

func questionsConfig(o *Options) bucketConfig {
	return bucketConfig{Config: stream.Config{
		Name: "QUESTIONS", About: "the buttons that bots have shown", Subjects: "question.*", MaxAge: questionKeep, MaxBytes: questionBytes(o),
	}, what: "a question"}
}

// Room is how many bytes there is room for: over it the oldest go, whosever they are.
func (q *Questions) Room() int { return int(q.MaxBytes - q.MaxBytes/stream.ErasedShare) }

// Put stores the record of a conversation.
//
// Killed before it returns: the record is the old one or the new one.
func (q *Questions) Put(ctx context.Context, conversation string, record []byte) error {
	return q.put(ctx, conversation, record)
}

// Remove removes the record of a conversation.
//
// Killed before it returns: it may still be there.
func (q *Questions) Remove(ctx context.Context, conversation string) error {
	return q.remove(ctx, conversation)
}

// All returns all records, the oldest first.
func (q *Questions) All(ctx context.Context) (all [][]byte, err error) {
	err = q.each(ctx, func(r *stream.Record) error {
		all = append(all, r.Data)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", q.About, err)
	}
	return all, nil
}
