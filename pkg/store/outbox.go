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
	Place uint64 // in the outbox
	d     *stream.Delivery
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
		Name: outboxName, About: "outbox", Subjects: "out.>", MaxBytes: o.OutboxBytes, MaxRecords: o.OutboxCount, RefuseNew: true, ConsumeOnce: true, TakeBack: true,
	}
}

func outSubject(component string) string { return "out." + Conversation(component, "") }

// Outbox holds the stanzas that wait for the XMPP server.
type Outbox struct {
	st         *stream.Stream
	disk       *disk
	log        *zap.Logger
	bytes, max int64 // its bounds; max is of records
}

// Put stores a stanza and returns when it is on disk.
//
// Killed before it returns: the stanza is stored, and is sent, or is not; its sender got
// no answer. Errors: gateway.ErrFull over a bound of the outbox; gateway.ErrSilent on NATS: it is stored or not.
func (o *Outbox) Put(ctx context.Context, r Outgoing) error {
	if err := o.disk.refuses(); err != nil {
		return err
	}
	_, err := o.st.Put(ctx, &stream.Message{
		Subject: outSubject(r.Component), ID: r.ID, Data: []byte(r.Stanza),
		Header: stream.Header{headComponent: {r.Component}, headReceived: {strconv.FormatInt(r.Queued.UnixMilli(), 10)}},
	})
	return err
}

// Count returns how many stanzas of a component wait.
func (o *Outbox) Count(ctx context.Context, component string) (int, error) {
	n, _, err := o.Load(ctx, component)
	return n, err
}

// Load returns how many stanzas of a component wait, and their bytes, about: its part of
// those of all components.
func (o *Outbox) Load(ctx context.Context, component string) (n int, bytes int64, err error) {
	subject := outSubject(component)
	state, err := o.st.StateOf(ctx, subject)
	if err != nil {
		return 0, 0, fmt.Errorf("outbox: %w", err)
	}
	count := state.Subjects[subject]
	return int(count), int64(state.Bytes / max(1, state.Records) * count), nil
}

// Mark returns a place: a stanza that an earlier process was told is stored is not behind it. With an outbox on NATS that is
// full, nothing is.
func (o *Outbox) Mark(ctx context.Context) (uint64, error) {
	place, err := o.st.Mark(ctx)
	if err != nil {
		err = fmt.Errorf("outbox: %w", err)
	}
	return place, err
}

// Consume hands every waiting stanza of a component to handle, in order, those of
// earlier processes first. At most MaxOutgoing are outstanding; the others wait on disk
// until some are acknowledged. handle is called from one goroutine and should not wait
// long; it may get a record a second time when the store had to be opened anew. stop ends
// it; what is outstanding stays in the store.
func (o *Outbox) Consume(ctx context.Context, component string, handle func(*OutgoingDelivery)) (stop func(), err error) {
	return o.st.Consume(ctx, Conversation(component, ""), outSubject(component), MaxOutgoing, func(d *stream.Delivery) {
		ms, err := strconv.ParseInt(d.Header.Get(headReceived), 10, 64)
		if err != nil { // not ours, or damaged on disk: it can never be sent
			o.log.Error("outbox record removed", zap.String("reason", "damaged"), zap.String("record", d.ID), zap.Any("headers", d.Header))
			_ = d.Ack()
			return
		}
		handle(&OutgoingDelivery{Outgoing{d.ID, d.Header.Get(headComponent), time.UnixMilli(ms), string(d.Data)}, d.Seq, d})
	})
}

// Shares returns the shares of callers in the outbox.
func (o *Outbox) Shares() *Shares { return NewShares(o.bytes) }

// Size is what a stanza takes of a share: its length, and no less than what keeps the
// bound on the count of stanzas.
func (o *Outbox) Size(stanza string) int64 {
	size := int64(len(stanza) + recordBytes)
	if o.max > 0 {
		size = max(size, o.bytes/o.max)
	}
	return size
}
