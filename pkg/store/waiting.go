package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/internal/stream"
)

// MaxWaiting is how many messages may wait for their rooms; MaxCorrections is how many
// corrections may wait.
const (
	MaxWaiting     = 10_000
	MaxCorrections = 2000
)

// WaitingMessage is a message that waits until the bot is in the room, or a correction that
// waits because another one was sent a moment ago.
type WaitingMessage struct {
	Seq    uint64    `json:"-"`
	Owner  string    `json:"owner"`         // whose share it takes: the name of a hook, or of a caller
	Caller string    `json:"caller"`        // as gateway.Sending has it; of hooks only
	Ref    string    `json:"ref,omitempty"` // as gateway.Sending has it
	Room   bool      `json:"room"`          // the recipient is a room for certain
	Time   time.Time `json:"time"`          // when it began to wait
	Stanza string    `json:"stanza"`

	size int64
}

// WaitingMessages are the messages that wait for something, the oldest first. An owner may
// take a quarter of their number and of their bytes.
type WaitingMessages struct {
	bucket
	full          string // that so many wait
	bytes, counts *Shares

	mu   sync.Mutex
	all  int
	most int
}

func waitingConfig(o *Options) bucketConfig {
	return bucketConfig{Config: stream.Config{
		Name: "ROOMWAIT", About: "messages that wait for a room to be joined", Subjects: "roomwait.*", MaxBytes: waitingBytes(o), RefuseNew: true,
	}, what: "a message to a room"}
}

func newWaiting(o *Options, b bucket) WaitingMessages {
	return WaitingMessages{bucket: b, full: "messages wait for their rooms", bytes: NewShares(waitingBytes(o)), counts: NewShares(MaxWaiting), most: MaxWaiting}
}

func correctionsConfig(o *Options) bucketConfig {
	return bucketConfig{Config: stream.Config{
		Name: "CORRECTIONS", About: "corrections that wait", Subjects: "correction.*", MaxBytes: correctionBytes(o), RefuseNew: true,
	}, what: "a correction"}
}

func newCorrections(o *Options, b bucket) WaitingMessages {
	return WaitingMessages{bucket: b, full: "corrections wait", bytes: NewShares(correctionBytes(o)), counts: NewShares(MaxCorrections), most: MaxCorrections}
}

// Put stores a message that is to wait, and sets its Seq. id is that of the stanza, which
// is unique among those of the owner: one that took the place of another would let that come back
// when it is removed; see bucket.remove.
//
// Killed before it returns: it may be stored, and is sent after the restart. Errors:
// gateway.ErrFull, also over the share of the owner.
func (w *WaitingMessages) Put(ctx context.Context, m *WaitingMessage, to, id string) error {
	data, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("store %s: %w", w.what, err)
	}
	m.size = int64(len(data))
	if err := w.take(m); err != nil {
		return err
	}
	if m.Seq, err = w.store(ctx, &stream.Message{Subject: w.prefix + Conversation(m.Owner+"\x00"+to, id), Data: data}, w.st.Put); err != nil {
		w.give(m)
	}
	return err
}

// take takes room for a message.
func (w *WaitingMessages) take(m *WaitingMessage) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.all >= w.most:
		return fmt.Errorf("%w: %d %s", gateway.ErrFull, w.all, w.full)
	case !w.counts.Take(m.Owner, 1):
	case !w.bytes.Take(m.Owner, m.size):
		w.counts.Give(m.Owner, 1)
	default:
		w.all++
		return nil
	}
	return fmt.Errorf("%w: %s, and those of this sender take up its share, a quarter", gateway.ErrFull, w.full)
}

func (w *WaitingMessages) give(m *WaitingMessage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all--
	w.counts.Give(m.Owner, 1)
	w.bytes.Give(m.Owner, m.size)
}

// Remove removes a message that waits no longer.
//
// Killed before it returns: it may still be there, and is sent again with the same id.
func (w *WaitingMessages) Remove(ctx context.Context, m *WaitingMessage) error {
	w.give(m)
	if err := w.st.Delete(context.WithoutCancel(ctx), m.Seq); err != nil && !errors.Is(err, gateway.ErrNotFound) {
		return fmt.Errorf("remove %s: %w", w.what, err)
	}
	return nil
}

// Load returns the messages that earlier processes have left, the oldest first. Call it
// once, before Put.
func (w *WaitingMessages) Load(ctx context.Context) ([]*WaitingMessage, error) {
	var all []*WaitingMessage
	err := w.st.Each(ctx, false, func(r *stream.Record, _ time.Time, _ int) error {
		m := &WaitingMessage{Seq: r.Seq, size: int64(len(r.Data))}
		if err := json.Unmarshal(r.Data, m); err != nil {
			w.log.Error("record unreadable", zap.String("record", w.what), zap.Error(err))
			return nil
		}
		w.mu.Lock()
		w.all++
		w.counts.Take(m.Owner, 1)
		w.bytes.Take(m.Owner, m.size)
		w.mu.Unlock()
		all = append(all, m)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", w.About, err)
	}
	return all, nil
}

// Count returns how many wait.
func (w *WaitingMessages) Count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all
}
