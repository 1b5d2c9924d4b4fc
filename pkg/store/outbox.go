package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// header names of records
const (
	headComponent = "Component"
	headReceived  = "Received"
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
	s   *Store
	e   *engine
	msg jetstream.Msg
}

// Ack removes the record.
func (d *OutgoingDelivery) Ack() error {
	err := d.remove()
	if err != nil {
		return fmt.Errorf("acknowledge outbox record %s: %w", d.ID, err)
	}
	return nil
}

func (d *OutgoingDelivery) remove() error {
	e := d.s.eng.Load()
	if e == d.e {
		return d.msg.Ack()
	}
	meta, err := d.msg.Metadata() // its consumer is gone with its engine
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	return e.outbox.DeleteMsg(ctx, meta.Sequence.Stream)
}

func outSubject(component string) string { return "out." + Conversation(component, "") }

func (e *engine) openOutbox(ctx context.Context, o *Options) error {
	stream, err := e.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
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
	e.outbox = stream
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
	if err := s.refuses(); err != nil {
		return err
	}
	e := s.eng.Load()
	if _, err := e.js.PublishMsg(ctx, m, jetstream.WithExpectStream(outStream)); err != nil {
		return e.failure(err)
	}
	return nil
}

// CountOutgoing returns how many stanzas of a component wait.
func (s *Store) CountOutgoing(ctx context.Context, component string) (int, error) {
	subject := outSubject(component)
	info, err := s.eng.Load().outbox.Info(ctx, jetstream.WithSubjectFilter(subject))
	if err != nil {
		return 0, fmt.Errorf("outbox: %w", err)
	}
	return int(info.State.Subjects[subject]), nil
}

// ConsumeOutgoing hands every stanza of a component that waits to take, in
// order, those of the process before first. At most MaxOutgoing are
// outstanding; the others wait on disk until some are acknowledged. take is
// called from one goroutine and should not wait long; it may get a record
// again that it has, when the store had to be opened anew. stop ends it; what
// is outstanding stays in the store.
func (s *Store) ConsumeOutgoing(ctx context.Context, component string, take func(*OutgoingDelivery)) (stop func(), err error) {
	c := &consumer{s: s, name: Conversation(component, ""), subject: outSubject(component), take: take}
	if err := c.open(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.reopen = append(s.reopen, c.open)
	s.mu.Unlock()
	return c.stop, nil
}
