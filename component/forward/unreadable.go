package forward

import (
	"context"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"go.uber.org/zap"

	"stanzahook/pkg/delivery"
	"stanzahook/pkg/loglimit"
	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/webhook"
)

const (
	maxUnreadable  = 1000 // answers that wait for the store
	maxAnswered    = 10_000
	answerEvery    = 24 * time.Hour
	answersTimeout = 10 * time.Second
)

// Unreadable tells people whose message is encrypted that nobody here can read it: once a
// day in a conversation, also over restarts, and never in rooms, where others would read it.
//
// Killed before the answer is confirmed: the next encrypted message is answered.
// Killed between that and the record of it: perhaps once more on that day.
type Unreadable struct {
	store   *store.Answered
	sender  delivery.Sender
	log     *zap.Logger
	waiting chan unreadable
	records chan string                   // conversations whose answer is confirmed
	recent  *lru.Cache[string, time.Time] // when conversations were answered, or are being
	repeats loglimit.Limiter

	Answers atomic.Int64 // confirmed
	Dropped atomic.Int64 // too many at once
}

type unreadable struct {
	from *stanza.Stanza
	text string
}

// NewUnreadable returns an Unreadable that answers while Run runs.
func NewUnreadable(s *store.Answered, sender delivery.Sender, log *zap.Logger) *Unreadable {
	recent, _ := lru.New[string, time.Time](maxAnswered) // fails for a bound below 1
	return &Unreadable{store: s, sender: sender, log: log, waiting: make(chan unreadable, maxUnreadable), records: make(chan string, maxUnreadable), recent: recent}
}

// answer answers an encrypted message, if it may be answered. It does not wait.
func (u *Unreadable) answer(s *stanza.Stanza, text string) {
	if s.Type != "chat" && s.Type != "normal" && s.Type != "" || message.Received(s).Peer.IsFull() {
		return
	}
	select {
	case u.waiting <- unreadable{s, text}:
	default:
		u.Dropped.Add(1)
	}
}

// Run answers until ctx is done.
func (u *Unreadable) Run(ctx context.Context) {
	for {
		select {
		case x := <-u.waiting:
			if err := u.send(ctx, x); err != nil {
				u.repeats.Warn(u.log, "answer to an encrypted message not sent", zap.Error(err))
			}
		case conversation := <-u.records:
			u.record(conversation)
		case <-ctx.Done():
			return
		}
	}
}

// send sends an answer, unless the conversation had one within a day.
func (u *Unreadable) send(ctx context.Context, x unreadable) error {
	s := x.from
	conversation := store.Conversation(s.From.Bare().String(), s.To.Bare().String())
	if at, ok := u.recent.Get(conversation); ok && time.Since(at) < answerEvery {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, answersTimeout)
	defer cancel()
	if done, err := u.store.Has(ctx, conversation); done || err != nil {
		return err
	}
	h := s.Reply()
	h.Type, h.ID = "chat", webhook.NewEventID()+"-unreadable"
	answer, err := stanza.BuildMessage(h, x.text, stanza.Limits{})
	if err != nil {
		return err
	}
	u.recent.Add(conversation, time.Now())
	if err = u.sender.Send(s.To.Domain(), answer, false, func(err error) { u.onConfirmed(conversation, err) }); err != nil {
		u.recent.Remove(conversation)
	}
	return err
}

// onConfirmed notes an answer. It does not wait.
func (u *Unreadable) onConfirmed(conversation string, err error) {
	if err != nil {
		u.recent.Remove(conversation)
		return
	}
	u.Answers.Add(1)
	select {
	case u.records <- conversation:
	default: // known to this process all the same
		u.Dropped.Add(1)
	}
}

func (u *Unreadable) record(conversation string) {
	ctx, cancel := context.WithTimeout(context.Background(), answersTimeout)
	defer cancel()
	if err := u.store.Put(ctx, conversation); err != nil {
		u.repeats.Warn(u.log, "answer to an encrypted message not recorded", zap.Error(err))
	}
}
