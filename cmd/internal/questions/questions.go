// Package questions keeps the buttons that bots have shown over a restart: message.Questions
// has those of this process, and the store the last ones of each conversation.
package questions

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/loglimit"
	"stanzahook/pkg/message"
	"stanzahook/pkg/store"
)

const (
	maxUnstored   = 1000 // questions that wait for the store
	questionsTime = 10 * time.Second
)

// Keep reads the buttons that an earlier process has shown, and begins to store those that are
// shown from now on. stop stores the last ones.
//
// Killed before a question is stored: after the start an answer to it has its text, and no
// choice.
func Keep(ctx context.Context, stored *store.Questions, log *zap.Logger) (all *message.Questions, stop func()) {
	all = message.NewQuestions()
	room := stored.Room()
	all.MaxBytes = min(message.QuestionBytes, room-room/16)
	earlier, err := stored.All(ctx)
	if err != nil {
		log.Warn("buttons of the last hour not read", zap.Error(err))
	}
	for _, record := range earlier {
		var q message.Question
		if err := json.Unmarshal(record, &q); err != nil {
			log.Error("record unreadable", zap.String("record", "a question"), zap.Error(err))
		} else if time.Since(q.Time) < message.QuestionTime {
			all.Add(q)
		}
	}
	var wg sync.WaitGroup
	var repeats loglimit.Limiter
	changes, end := make(chan message.Question, maxUnstored), make(chan struct{})
	all.Changed = func(q message.Question) {
		select {
		case changes <- q:
		default: // known to this process all the same
			repeats.Warn(log, "buttons not stored", zap.String("hint", "the store is behind; after a restart their answers have no choice"))
		}
	}
	put := func(q message.Question) {
		ctx, cancel := context.WithTimeout(context.Background(), questionsTime)
		defer cancel()
		if err := putQuestion(ctx, stored, q); err != nil {
			repeats.Warn(log, "buttons not stored", zap.Error(err))
		}
	}
	wg.Go(func() {
		for {
			select {
			case q := <-changes:
				put(q)
			case <-end:
				for len(changes) > 0 {
					put(<-changes)
				}
				return
			}
		}
	})
	return all, func() { close(end); wg.Wait() }
}

// putQuestion stores the last question of a conversation, or that there is none.
func putQuestion(ctx context.Context, s *store.Questions, q message.Question) error {
	peer := q.Peer.String()
	if q.Room {
		peer = "room " + peer
	}
	conversation := store.Conversation(q.Own.String(), peer)
	if len(q.Buttons) == 0 {
		return s.Remove(ctx, conversation)
	}
	record, err := json.Marshal(q)
	if err != nil {
		return err
	}
	return s.Put(ctx, conversation, record)
}
