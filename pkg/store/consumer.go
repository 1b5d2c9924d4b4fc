package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// consumer reads what waits for one component. It is never resumed but made
// anew at each start ("epoch consumer"): it then sees every record again in
// order, which a resumed one would not (what was not acknowledged would come
// late, and be overtaken). So its state can live in memory.
type consumer struct {
	s             *Store
	name, subject string
	take          func(*OutgoingDelivery)

	mu     sync.Mutex
	end    func()
	closed bool
}

func (c *consumer) open(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	e := c.s.eng.Load()
	if err := removeConsumers(ctx, e.outbox, c.name); err != nil {
		return err
	}
	cons, err := e.outbox.CreateConsumer(ctx, jetstream.ConsumerConfig{
		Name:          c.name + "_e" + strconv.FormatInt(time.Now().UnixNano(), 36),
		FilterSubject: c.subject,
		AckPolicy:     jetstream.AckExplicitPolicy,
		DeliverPolicy: jetstream.DeliverAllPolicy,
		AckWait:       72 * time.Hour, // order is kept in memory; nothing is delivered twice within a process
		MaxDeliver:    -1,
		MaxAckPending: MaxOutgoing,
		MemoryStorage: true,
	})
	if err != nil {
		return fmt.Errorf("open the queue %s: %w", c.name, err)
	}
	cc, err := cons.Consume(func(m jetstream.Msg) {
		d, err := readOutgoing(m)
		if err != nil { // not ours, or damaged on disk: it can never be sent
			c.s.log.Error(err.Error())
			_ = m.Term()
			return
		}
		d.s, d.e = c.s, e
		c.take(d)
	}, jetstream.PullMaxMessages(500), jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
		if !e.broken.Load() {
			c.s.log.Warn("the outbox cannot be read", zap.Error(err))
		}
	}))
	if err != nil {
		return fmt.Errorf("read the queue %s: %w", c.name, err)
	}
	c.end = func() {
		cc.Stop()
		<-cc.Closed()
	}
	return nil
}

func (c *consumer) stop() {
	c.mu.Lock()
	c.closed = true
	end := c.end
	c.mu.Unlock()
	end()
}

func readOutgoing(m jetstream.Msg) (*OutgoingDelivery, error) {
	h := m.Headers()
	ms, err := strconv.ParseInt(h.Get(headReceived), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("a record of the outbox is damaged: headers %v", h)
	}
	o := Outgoing{ID: h.Get(jetstream.MsgIDHeader), Component: h.Get(headComponent), Queued: time.UnixMilli(ms), Stanza: string(m.Data())}
	return &OutgoingDelivery{Outgoing: o, msg: m}, nil
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
