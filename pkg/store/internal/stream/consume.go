package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// consumer hands out the records of a subject. It is never resumed but made anew at
// each start: it then sees every record again in order, which a resumed one would not
// (what was not acknowledged would come late, and be overtaken). So its state can live
// in memory.
type consumer struct {
	st            *Stream
	name, subject string
	max           int
	take          func(*Delivery)

	// Of an external server.
	run     context.Context // ends with stop
	cancel  func()
	stamp   string                 // in its names there
	current atomic.Pointer[string] // of these, the last one

	mu      sync.Mutex
	end     func()
	closed  bool
	looking bool // whether it is still there
	made    int  // names
}

// Delivery is a record that a consumer was given. It stays in the stream until Ack.
type Delivery struct {
	Record
	ID  string
	st  *Stream
	e   *engine
	msg jetstream.Msg

	from     *consumer
	fromName string
}

// Ack removes the record.
//
// Killed before it returns: the record may be handed out again after the restart.
func (d *Delivery) Ack() error {
	if d.e.remote != nil {
		d.confirm()
		return nil
	}
	if d.st.s.engine.Load() == d.e {
		return d.msg.Ack()
	}
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	return d.st.Delete(ctx, d.Seq) // its consumer is gone with its engine
}

// Consume hands every record of a subject to take, in order, from the oldest on. At
// most max are outstanding; the others wait in the stream until some are acknowledged.
// take is called from one goroutine and should not wait long; it may get a record again
// that it has, after Resume. The name is the consumer's alone. stop ends it; what is
// outstanding stays in the stream.
func (st *Stream) Consume(ctx context.Context, name, subject string, max int, take func(*Delivery)) (stop func(), err error) {
	c := &consumer{st: st, name: name, subject: subject, max: max, take: take, stamp: strconv.FormatInt(time.Now().UnixNano(), 36)}
	c.run, c.cancel = context.WithCancel(context.Background())
	err = c.open(ctx, st.s.engine.Load())
	for tries := 1; isNotUnique(err) && tries < openTries && ctx.Err() == nil; tries++ {
		err = c.open(ctx, st.s.engine.Load())
	}
	if err != nil {
		c.cancel()
		return nil, err
	}
	st.s.mu.Lock()
	st.s.consumers = append(st.s.consumers, c)
	st.s.mu.Unlock()
	return c.stop, nil
}

func (c *consumer) open(ctx context.Context, e *engine) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	stream, err := c.st.handle(ctx)
	if err != nil {
		return fmt.Errorf("open the queue %s: %w", c.name, err)
	}
	if err := e.api(ctx, func(ctx context.Context) error { return removeConsumers(ctx, stream, c.name) }); err != nil {
		return err
	}
	config := jetstream.ConsumerConfig{
		Name:          c.name + "_e" + strconv.FormatInt(time.Now().UnixNano(), 36),
		FilterSubject: e.outer(c.subject),
		AckPolicy:     jetstream.AckExplicitPolicy,
		DeliverPolicy: jetstream.DeliverAllPolicy,
		AckWait:       72 * time.Hour, // order is kept in memory; nothing is delivered twice within a process
		MaxDeliver:    -1,
		MaxAckPending: c.max,
		MemoryStorage: true,
	}
	pull := []jetstream.PullConsumeOpt{jetstream.PullMaxMessages(500)}
	if e.remote != nil {
		config.Name = c.newName()
		config.Durable, config.MemoryStorage = config.Name, false // it outlives a server
		pull = append(pull, jetstream.PullExpiry(4*time.Second), jetstream.PullHeartbeat(time.Second))
	}
	name := config.Name
	c.current.Store(&name)
	cons, err := api(ctx, e, func(ctx context.Context) (jetstream.Consumer, error) { return stream.CreateConsumer(ctx, config) })
	if err != nil {
		return fmt.Errorf("open the queue %s: %w", c.name, err)
	}
	cc, err := cons.Consume(func(m jetstream.Msg) {
		d := &Delivery{Record: Record{Subject: e.inner(m.Subject()), Data: m.Data(), Header: Header(m.Headers())}, ID: m.Headers().Get(jetstream.MsgIDHeader), st: c.st, e: e, msg: m, from: c, fromName: name}
		if meta, err := m.Metadata(); err == nil {
			d.Seq = meta.Sequence.Stream
		}
		c.take(d)
	}, append(pull, jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
		switch {
		case e.remote != nil:
			c.st.s.repeats.Warn(c.st.s.o.Log, "outbox not readable", zap.Error(err))
			c.lookAfter(e, err)
		case !e.broken.Load():
			c.st.s.o.Log.Warn("outbox not readable", zap.Error(err))
		}
	}))...)
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
	c.cancel()
	c.mu.Lock()
	c.closed = true
	end := c.end
	c.mu.Unlock()
	end()
	s := c.st.s
	s.mu.Lock()
	s.consumers = slices.DeleteFunc(slices.Clone(s.consumers), func(other *consumer) bool { return other == c })
	s.mu.Unlock()
}

// removeConsumers removes what a process before us left: such a stream allows one
// consumer for a subject.
func removeConsumers(ctx context.Context, stream jetstream.Stream, owner string) error {
	names := stream.ConsumerNames(ctx)
	for name := range names.Name() {
		if !isOf(name, owner) {
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

// isOf reports whether a consumer's name is one of an owner.
func isOf(name, owner string) bool {
	return strings.HasPrefix(name, owner+"_e") && !strings.Contains(name[len(owner)+2:], "_")
}
