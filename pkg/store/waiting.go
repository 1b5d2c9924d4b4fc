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

	mu        sync.Mutex
	all, most int
	// in the store, about
	allBytes, mostBytes int64
}

func roomWait(o *Options) bucketConfig {
	return held("ROOMWAIT", "messages that wait for a room to be joined", "roomwait.*", waitingBytes(o), "a message to a room")
}

func correctionWait(o *Options) bucketConfig {
	return held("CORRECTIONS", "corrections that wait", "correction.*", correctionBytes(o), "a correction")
}

func held(name, about, subjects string, bytes int64, what string) bucketConfig {
	return bucketConfig{Config: stream.Config{Name: name, About: about, Subjects: subjects, MaxBytes: bytes, RefuseNew: true, TakeBack: true}, what: what}
}

// openWaiting defines both kinds. On NATS, where each stream costs the servers something, they share
// one: each has its own bounds, which leave the other its room.
func (s *Store) openWaiting() {
	rooms, corrections := roomWait(&s.o), correctionWait(&s.o)
	part := func(_ string, c bucketConfig) bucket { return s.bucket(c) }
	if s.o.NATS != nil {
		part = s.share(s.bucket(held("HELD", "messages that wait for their rooms, and corrections that wait", "held.>", rooms.MaxBytes+corrections.MaxBytes, "")))
	}
	s.waiting = newWaiting(part("room", rooms), "messages wait for their rooms", rooms.MaxBytes, MaxWaiting)
	s.corrections = newWaiting(part("correction", corrections), "corrections wait", corrections.MaxBytes, MaxCorrections)
}

func newWaiting(b bucket, full string, bytes int64, count int) WaitingMessages {
	return WaitingMessages{bucket: b, full: full, bytes: NewShares(bytes), counts: NewShares(int64(count)), most: count, mostBytes: bytes}
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
	m.size = int64(len(data) + recordBytes)
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
	case w.all >= w.most, w.allBytes+m.size > w.mostBytes:
		return fmt.Errorf("%w: %d %s", gateway.ErrFull, w.all, w.full)
	case !w.counts.Take(m.Owner, 1):
	case !w.bytes.Take(m.Owner, m.size):
		w.counts.Give(m.Owner, 1)
	default:
		w.all++
		w.allBytes += m.size
		return nil
	}
	return fmt.Errorf("%w: %s, and those of this sender take up its share, a quarter", gateway.ErrFull, w.full)
}

func (w *WaitingMessages) give(m *WaitingMessage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all--
	w.allBytes -= m.size
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
	err := w.each(ctx, func(r *stream.Record) error {
		m := &WaitingMessage{Seq: r.Seq, size: int64(len(r.Data) + recordBytes)}
		if err := json.Unmarshal(r.Data, m); err != nil {
			w.log.Error("record unreadable", zap.String("record", w.what), zap.Error(err))
			return nil
		}
		w.mu.Lock()
		w.all++
		w.allBytes += m.size
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
