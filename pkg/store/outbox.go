package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/store/internal/stream"
)

// Headers of an outbox record.
const (
	headComponent = "Component"
	headReceived  = "Received"
)

const outboxName = "OUT"

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
	d *stream.Delivery
}

// Ack removes the record.
//
// Killed before it returns: the stanza may be sent again after the restart.
func (d *OutgoingDelivery) Ack() error {
	if err := d.d.Ack(); err != nil {
		return fmt.Errorf("acknowledge outbox record %s: %w", d.ID, err)
	}
	return nil
}

func outboxConfig(o *Options) stream.Config {
	return stream.Config{
		Name: outboxName, About: "outbox", Subjects: "out.>", MaxBytes: o.OutboxBytes, MaxRecords: o.OutboxCount, RefuseNew: true, ConsumeOnce: true,
	}
}

func outSubject(component string) string { return "out." + Conversation(component, "") }

// PutOutgoing stores a stanza and returns when it is on disk.
//
// Killed before it returns: the stanza is stored, and is sent, or is not; nobody was
// told that it is. Errors: gateway.ErrFull over a bound of the outbox.
func (s *Store) PutOutgoing(ctx context.Context, r Outgoing) error {
	if err := s.refuses(); err != nil {
		return err
	}
	_, err := s.outbox.Put(ctx, &stream.Message{
		Subject: outSubject(r.Component), ID: r.ID, Data: []byte(r.Stanza),
		Header: stream.Header{headComponent: {r.Component}, headReceived: {strconv.FormatInt(r.Queued.UnixMilli(), 10)}},
	})
	return err
}

// CountOutgoing returns how many stanzas of a component wait.
func (s *Store) CountOutgoing(ctx context.Context, component string) (int, error) {
	subject := outSubject(component)
	state, err := s.outbox.StateOf(ctx, subject)
	if err != nil {
		return 0, fmt.Errorf("outbox: %w", err)
	}
	return int(state.Subjects[subject]), nil
}

// ConsumeOutgoing hands every stanza of a component that waits to take, in
// order, those of the process before first. At most MaxOutgoing are
// outstanding; the others wait on disk until some are acknowledged. take is
// called from one goroutine and should not wait long; it may get a record
// again that it has, when the store had to be opened anew. stop ends it; what
// is outstanding stays in the store.
func (s *Store) ConsumeOutgoing(ctx context.Context, component string, take func(*OutgoingDelivery)) (stop func(), err error) {
	return s.outbox.Consume(ctx, Conversation(component, ""), outSubject(component), MaxOutgoing, func(d *stream.Delivery) {
		ms, err := strconv.ParseInt(d.Header.Get(headReceived), 10, 64)
		if err != nil { // not ours, or damaged on disk: it can never be sent
			s.log.Error("an outbox record is damaged; it is removed", zap.String("record", d.ID), zap.Any("headers", d.Header))
			_ = d.Ack()
			return
		}
		take(&OutgoingDelivery{Outgoing{d.ID, d.Header.Get(headComponent), time.UnixMilli(ms), string(d.Data)}, d})
	})
}

// OutgoingShares returns the shares of callers in the outbox. A stanza takes what it is
// long, and no less than what keeps the bound on their count.
func (s *Store) OutgoingShares() *Shares { return NewShares(s.o.OutboxBytes) }

// OutgoingSize is what a stanza takes of the outbox.
func (s *Store) OutgoingSize(stanza string) int64 {
	size := int64(len(stanza) + recordBytes)
	if s.o.OutboxCount > 0 {
		size = max(size, s.o.OutboxBytes/s.o.OutboxCount)
	}
	return size
}
