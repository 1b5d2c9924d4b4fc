package stream

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
)

// confirmations is how many acknowledgements wait for their answer at a time.
const confirmations = 64

// confirm acknowledges a record to an external server until it has answered: an
// acknowledgement that is lost would leave the record in the stream. It waits only while
// many others do.
//
// Killed before the answer: the record is handed out again.
func (d *Delivery) confirm() error {
	free := d.st.s.confirming
	free <- struct{}{}
	go func() {
		defer func() { <-free }()
		ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
		defer cancel()
		err := d.e.api(ctx, d.msg.DoubleAck)
		if err != nil && !errors.Is(err, jetstream.ErrMsgAlreadyAckd) { // its consumer may be gone
			ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
			defer cancel()
			err = d.st.Delete(ctx, d.Seq)
		}
		if err != nil && !errors.Is(err, jetstream.ErrMsgAlreadyAckd) && !errors.Is(err, gateway.ErrNotFound) {
			d.st.s.o.Log.Warn("outbox stanza not removed", zap.Error(err), zap.String("hint", "it is sent again after a restart"))
		}
	}()
	return nil
}

// awaitConfirmations waits until what was acknowledged is confirmed, but not for ever.
func (s *Server) awaitConfirmations() {
	late := time.After(keyValueTimeout)
	for n := range confirmations {
		select {
		case s.confirming <- struct{}{}:
			defer func() { <-s.confirming }()
		case <-late:
			s.o.Log.Warn("outbox stanzas not removed; they are sent again after a restart", zap.Int("stanzas", confirmations-n))
			return
		}
	}
}

// lookAfter opens the consumer again if the servers have lost it.
func (c *consumer) lookAfter(e *engine, err error) {
	c.mu.Lock()
	begin := !c.looking && !c.closed
	c.looking = true
	c.mu.Unlock()
	if !begin {
		return
	}
	go func() {
		defer func() {
			c.mu.Lock()
			c.looking = false
			c.mu.Unlock()
		}()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if !errors.Is(err, jetstream.ErrConsumerDeleted) && !errors.Is(err, jetstream.ErrConsumerNotFound) && c.there(ctx, e) {
			return
		}
		c.mu.Lock()
		end := c.end
		c.mu.Unlock()
		end()
		for ctx.Err() == nil {
			err := c.open(ctx, e)
			if err == nil {
				return
			}
			c.st.s.repeats.Warn(c.st.s.o.Log, "outbox not opened again; retrying", zap.Error(err))
			time.Sleep(apiPause)
		}
	}()
}

// there reports whether the servers have the consumer, as far as they say.
func (c *consumer) there(ctx context.Context, e *engine) bool {
	stream, err := c.st.handle(ctx)
	if err != nil {
		return true
	}
	c.mu.Lock()
	name := c.current
	c.mu.Unlock()
	err = e.api(ctx, func(ctx context.Context) error {
		_, err := stream.Consumer(ctx, name)
		return err
	})
	return !errors.Is(err, jetstream.ErrConsumerNotFound)
}
