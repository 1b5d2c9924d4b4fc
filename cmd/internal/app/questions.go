package app

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

// makeQuestions reads the buttons that an earlier process has shown, and begins to store those
// that are shown from now on.
//
// Killed before a question is stored: after the start an answer to it has its text, and no
// choice.
func (a *App) makeQuestions(ctx context.Context) {
	a.questions = message.NewQuestions()
	room := a.store.Questions().Room()
	a.questions.MaxBytes = min(message.QuestionBytes, room-room/16)
	earlier, err := a.store.Questions().All(ctx)
	if err != nil {
		a.log.Warn("buttons of the last hour not read", zap.Error(err))
	}
	for _, record := range earlier {
		var q message.Question
		if err := json.Unmarshal(record, &q); err != nil {
			a.log.Error("record unreadable", zap.String("record", "a question"), zap.Error(err))
		} else if time.Since(q.Time) < message.QuestionTime {
			a.questions.Add(q)
		}
	}
	var wg sync.WaitGroup
	var repeats loglimit.Limiter
	changes, end := make(chan message.Question, maxUnstored), make(chan struct{})
	a.questions.Changed = func(q message.Question) {
		select {
		case changes <- q:
		default: // known to this process all the same
			repeats.Warn(a.log, "buttons not stored", zap.String("hint", "the store is behind; after a restart their answers have no choice"))
		}
	}
	put := func(q message.Question) {
		ctx, cancel := context.WithTimeout(context.Background(), questionsTime)
		defer cancel()
		if err := putQuestion(ctx, a.store.Questions(), q); err != nil {
			repeats.Warn(a.log, "buttons not stored", zap.Error(err))
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
	a.onStop("buttons", func(context.Context) { close(end); wg.Wait() })
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
