package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	outStream   = "OUT"
	outSubjects = "out.>"
)

// MaxOutgoing is how many records of one component are handed out and not
// acknowledged at a time.
const MaxOutgoing = 1000

// Outgoing is a stanza that waits for the XMPP server.
type Outgoing struct {
	ID        string // of the record, not of the stanza
	Component string // domain whose link it goes over
	Queued    time.Time
	Stanza    string // exact XML
}

// OutgoingDelivery is a record that was read from the outbox. It stays in the
// store until Ack.
type OutgoingDelivery struct {
	Outgoing
	msg jetstream.Msg
}

// Ack removes the record.
func (d *OutgoingDelivery) Ack() error {
	if err := d.msg.Ack(); err != nil {
		return fmt.Errorf("acknowledge outbox record %s: %w", d.ID, err)
	}
	return nil
}

func outSubject(component string) string { return "out." + Conversation(component, "") }

func (s *Store) openOutbox(ctx context.Context, o Options) error {
	stream, err := s.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:        outStream,
		Description: "stanzas that wait for the XMPP server",
		Subjects:    []string{outSubjects},
		Retention:   jetstream.WorkQueuePolicy,
		Storage:     jetstream.FileStorage,
		Discard:     jetstream.DiscardNew,
		MaxBytes:    o.OutboxBytes,
		MaxMsgs:     o.OutboxCount,
		Duplicates:  2 * time.Minute,
	})
	if err != nil {
		return fmt.Errorf("open the outbox: %w", err)
	}
	s.outbox = stream
	return nil
}

// PutOutgoing stores a stanza and returns when it is on disk.
// Errors: ErrFull over a bound of the outbox.
func (s *Store) PutOutgoing(ctx context.Context, r Outgoing) error {
	m := nats.NewMsg(outSubject(r.Component))
	m.Header.Set(jetstream.MsgIDHeader, r.ID)
	m.Header.Set(headComponent, r.Component)
	m.Header.Set(headReceived, strconv.FormatInt(r.Queued.UnixMilli(), 10))
	m.Data = []byte(r.Stanza)
	if _, err := s.js.PublishMsg(ctx, m, jetstream.WithExpectStream(outStream)); err != nil {
		return publishError(err)
	}
	return nil
}

// CountOutgoing returns how many stanzas of a component wait.
func (s *Store) CountOutgoing(ctx context.Context, component string) (int, error) {
	subject := outSubject(component)
	info, err := s.outbox.Info(ctx, jetstream.WithSubjectFilter(subject))
	if err != nil {
		return 0, fmt.Errorf("outbox: %w", err)
	}
	return int(info.State.Subjects[subject]), nil
}

// ConsumeOutgoing hands every stanza of a component that waits to take, in
// order, those of the process before first; as Consume does.
func (s *Store) ConsumeOutgoing(ctx context.Context, component string, take func(*OutgoingDelivery)) (stop func(), err error) {
	return s.consume(ctx, s.outbox, Conversation(component, ""), outSubject(component), MaxOutgoing, func(m jetstream.Msg) error {
		h := m.Headers()
		ms, err := strconv.ParseInt(h.Get(headReceived), 10, 64)
		if err != nil {
			return fmt.Errorf("a record of the outbox is damaged: headers %v", h)
		}
		take(&OutgoingDelivery{Outgoing{ID: h.Get(jetstream.MsgIDHeader), Component: h.Get(headComponent), Queued: time.UnixMilli(ms), Stanza: string(m.Data())}, m})
		return nil
	})
}
