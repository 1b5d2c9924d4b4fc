package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	sentStream = "SENT"
	sentPrefix = "sent."
	// sentKeep is how long it is known what became of a message.
	sentKeep = 24 * time.Hour
)

// SentState is what became of a message of an HTTP caller.
type SentState string

// The states. One of a higher rank takes the place of one of a lower, never the
// other way round: they may become known in any order.
const (
	SentQueued    SentState = "queued"    // it is in the outbox
	SentConfirmed SentState = "confirmed" // the XMPP server has it
	SentExpired   SentState = "expired"   // it waited in the outbox for too long
	SentRejected  SentState = "rejected"  // the XMPP server does not take it
	SentBounced   SentState = "bounced"   // it came back as an error
)

func (s SentState) rank() int {
	switch s {
	case SentQueued:
		return 1
	case SentConfirmed:
		return 2
	case SentExpired, SentRejected:
		return 3
	case SentBounced:
		return 4
	}
	return 0
}

// Sent is a message of an HTTP caller.
type Sent struct {
	ID      string    `json:"id"`
	From    string    `json:"from"`
	To      string    `json:"to"`
	State   SentState `json:"state"`
	Caller  string    `json:"caller"` // the token's name
	Time    time.Time `json:"time"`   // when it was taken
	Changed time.Time `json:"changed"`
	Stanza  string    `json:"stanza,omitempty"` // XML of a stanza with the error of a bounce
}

// sentBytes is the share of the store that they may take.
func sentBytes(o *Options) int64 { return max(1<<20, o.MaxBytes/64) }

func (e *engine) openSent(ctx context.Context, o *Options) error {
	stream, err := e.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:              sentStream,
		Description:       "what became of messages",
		Subjects:          []string{sentPrefix + "*.*.*"},
		Retention:         jetstream.LimitsPolicy,
		Storage:           jetstream.FileStorage,
		Discard:           jetstream.DiscardOld,
		MaxAge:            sentKeep,
		MaxBytes:          sentBytes(o),
		MaxMsgsPerSubject: 1,
		Duplicates:        time.Second, // not used
		AllowDirect:       true,
	})
	if err != nil {
		return fmt.Errorf("open the states of messages: %w", err)
	}
	e.sent = stream
	return nil
}

// sentSubject is what a message is known by: its id, its addresses and its
// caller, as two may use the same id. Of the receiver's address the bare part
// counts, because a client's error comes from its full one. What is empty
// matches any.
func sentSubject(id, from, to, caller string) string {
	addresses, by := "*", "*"
	if from != "" {
		bare, _, _ := strings.Cut(to, "/") // canonical: there is no other slash before the resource
		addresses = Conversation(from, bare)
	}
	if caller != "" {
		by = Conversation(caller, "")
	}
	return sentPrefix + Conversation(id, "") + "." + addresses + "." + by
}

// PutSent notes a message and its state. Of a message that was taken at the
// same time, the state of the highest rank stays.
//
// Killed before it returns: the state is not known, or one too old; what was
// taken is sent all the same. When the share of these is full, the oldest go.
func (s *Store) PutSent(ctx context.Context, m Sent) error {
	subject := sentSubject(m.ID, m.From, m.To, m.Caller)
	return s.changeSent(ctx, subject, true, func(known *Sent) (string, Sent, bool) {
		if known != nil && !m.Time.After(known.Time) && known.State.rank() >= m.State.rank() {
			return "", Sent{}, false
		}
		return subject, m, true
	})
}

// EndSent notes what became of a message, if it is known: of those with this id
// and these addresses, the one that was taken last.
func (s *Store) EndSent(ctx context.Context, end Sent) error {
	return s.changeSent(ctx, sentSubject(end.ID, end.From, end.To, ""), false, func(known *Sent) (string, Sent, bool) {
		if known == nil || known.State.rank() >= end.State.rank() {
			return "", Sent{}, false
		}
		known.State, known.Changed, known.Stanza = end.State, end.Changed, end.Stanza
		return sentSubject(known.ID, known.From, known.To, known.Caller), *known, true
	})
}

// Sent returns the message of an id that was taken last; of one caller, or of
// any if it is empty. Errors: ErrNotFound.
func (s *Store) Sent(ctx context.Context, id, caller string) (Sent, error) {
	known, _, err := s.readSent(ctx, sentSubject(id, "", "", caller))
	switch {
	case err != nil:
		return Sent{}, err
	case known == nil:
		return Sent{}, ErrNotFound
	}
	return *known, nil
}

func (s *Store) readSent(ctx context.Context, subject string) (*Sent, uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	m, err := s.eng.Load().sent.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, 0, nil
	}
	known := new(Sent)
	if err == nil {
		err = json.Unmarshal(m.Data, known)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read the state of a message: %w", err)
	}
	return known, m.Sequence, nil
}

// changeSent replaces what is known of a message by what change makes of it; nil
// is nothing. Of a new one that is tried without having looked.
func (s *Store) changeSent(ctx context.Context, subject string, isNew bool, change func(known *Sent) (subject string, next Sent, ok bool)) error {
	for ; ; isNew = false {
		var known *Sent
		var seq uint64
		var err error
		if !isNew {
			if known, seq, err = s.readSent(ctx, subject); err != nil {
				return err
			}
		}
		at, next, ok := change(known)
		if !ok {
			return nil
		}
		m := nats.NewMsg(at)
		if m.Data, err = json.Marshal(next); err != nil {
			return err
		}
		err = s.publishOne(ctx, m, sentStream, jetstream.WithExpectLastSequencePerSubject(seq))
		var api *jetstream.APIError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence && ctx.Err() == nil:
			continue // somebody else was faster
		}
		return fmt.Errorf("store the state of a message: %w", err)
	}
}
