package store

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	eventStream   = "EV"
	eventSubjects = "ev.>"
	// maxPerConversation bounds what one conversation may have waiting, so
	// that one flood does not fill the store for all.
	maxPerConversation = 10_000
	// maxInFlight is how many events of one endpoint are in memory at a time;
	// the others wait on disk.
	maxInFlight = 2000
)

// Record is one event as it is stored.
type Record struct {
	ID           string // of the event; constant over restarts and replays
	Endpoint     string // name
	Component    string // domain whose link it came over
	Conversation string // see Conversation
	Received     time.Time
	Stanza       string // exact XML
}

// Conversation returns the key of what must stay in order: the two bare
// addresses, as a token without personal data.
func Conversation(from, to string) string {
	h := sha256.New()
	h.Write([]byte(from))
	h.Write([]byte{0})
	h.Write([]byte(to))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(h.Sum(nil)[:10]))
}

// Delivery is a record that was read from the queue. It stays in the store
// until Ack.
type Delivery struct {
	Record
	msg jetstream.Msg
}

// Ack removes the record. If the process is killed before the store has it,
// the record is delivered again after the restart.
func (d *Delivery) Ack() error {
	if err := d.msg.Ack(); err != nil {
		return fmt.Errorf("acknowledge event %s: %w", d.ID, err)
	}
	return nil
}

// header names of records
const (
	headComponent = "Component"
	headReceived  = "Received"
)

func (r *Record) message() *nats.Msg {
	m := nats.NewMsg("ev." + r.Endpoint + "." + r.Conversation)
	m.Header.Set(jetstream.MsgIDHeader, r.ID)
	m.Header.Set(headComponent, r.Component)
	m.Header.Set(headReceived, strconv.FormatInt(r.Received.UnixMilli(), 10))
	m.Data = []byte(r.Stanza)
	return m
}

func recordOf(m jetstream.Msg) (Record, error) {
	h := m.Headers()
	r := Record{ID: h.Get(jetstream.MsgIDHeader), Component: h.Get(headComponent), Stanza: string(m.Data())}
	ms, err := strconv.ParseInt(h.Get(headReceived), 10, 64)
	tokens := strings.Split(m.Subject(), ".")
	if err != nil || len(tokens) != 3 || r.ID == "" {
		return Record{}, fmt.Errorf("a record of the queue is damaged: subject %q, headers %v", m.Subject(), h)
	}
	r.Received = time.UnixMilli(ms)
	r.Endpoint, r.Conversation = tokens[1], tokens[2]
	return r, nil
}

// Consume hands every event of an endpoint that is not answered to take, in
// order of arrival, those of the process before first. At most 2000 are
// outstanding; the others wait on disk until some are acknowledged. take is
// called from one goroutine and should not wait long. stop ends it; what is
// outstanding stays in the store.
func (s *Store) Consume(ctx context.Context, endpoint string, take func(*Delivery)) (stop func(), err error) {
	return s.consume(ctx, s.events, endpoint, "ev."+endpoint+".>", maxInFlight, func(m jetstream.Msg) error {
		r, err := recordOf(m)
		if err == nil {
			take(&Delivery{r, m})
		}
		return err
	})
}

// consume makes a new consumer of a subject; name must have no "_e" of its own.
func (s *Store) consume(ctx context.Context, stream jetstream.Stream, name, subject string, inFlight int, take func(jetstream.Msg) error) (func(), error) {
	if err := removeConsumers(ctx, stream, name); err != nil {
		return nil, err
	}
	cons, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		Name:          name + "_e" + strconv.FormatInt(time.Now().UnixNano(), 36),
		FilterSubject: subject,
		AckPolicy:     jetstream.AckExplicitPolicy,
		DeliverPolicy: jetstream.DeliverAllPolicy,
		AckWait:       72 * time.Hour, // order is kept in memory; nothing is delivered twice within a process
		MaxDeliver:    -1,
		MaxAckPending: inFlight,
		MemoryStorage: true,
	})
	if err != nil {
		return nil, fmt.Errorf("open the queue %s: %w", name, err)
	}
	cc, err := cons.Consume(func(m jetstream.Msg) {
		if err := take(m); err != nil { // not ours, or damaged on disk: it can never be delivered
			s.log.Error(err.Error())
			_ = m.Term()
		}
	}, jetstream.PullMaxMessages(500), jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
		s.log.Warn("queue " + name + ": " + err.Error())
	}))
	if err != nil {
		return nil, fmt.Errorf("read the queue %s: %w", name, err)
	}
	return func() {
		cc.Stop()
		<-cc.Closed()
	}, nil
}

// removeConsumers removes what a process before us left: a WorkQueue stream
// allows one consumer for a subject.
func removeConsumers(ctx context.Context, stream jetstream.Stream, owner string) error {
	names := stream.ConsumerNames(ctx)
	for name := range names.Name() {
		if !strings.HasPrefix(name, owner+"_e") || strings.Contains(name[len(owner)+2:], "_") {
			continue
		}
		if err := stream.DeleteConsumer(ctx, name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return fmt.Errorf("remove consumer %s: %w", name, err)
		}
	}
	if err := names.Err(); err != nil {
		return fmt.Errorf("list consumers: %w", err)
	}
	return nil
}
