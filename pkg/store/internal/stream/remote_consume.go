package stream

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
)

// confirmations is how many acknowledgements wait for their answer at a time.
const confirmations = 64

// confirmer acknowledges records to an external server until it has answered: an
// acknowledgement that is lost would leave the record in the stream. Those that wait are as
// many as the stream has records, at most.
//
// Killed: what has no answer may be handed out again.
type confirmer struct {
	ctx  context.Context // ends with the server
	stop func()

	mu      sync.Mutex
	list    []acknowledged
	working int
	moved   sync.Cond
}

// acknowledged is what is kept of a record that was acknowledged: not its data.
type acknowledged struct {
	st       *Stream
	e        *engine
	consumer *consumer
	name     string // of the consumer that it came from
	seq      uint64
	reply    string
}

func newConfirmer() *confirmer {
	c := &confirmer{}
	c.ctx, c.stop = context.WithCancel(context.Background())
	c.moved.L = &c.mu
	return c
}

// confirm acknowledges a record to an external server. It does not wait.
//
// Killed before the answer: the record is handed out again.
func (d *Delivery) confirm() {
	c := d.st.s.confirming
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, acknowledged{d.st, d.e, d.from, d.fromName, d.Seq, d.msg.Reply()})
	if c.working < confirmations {
		c.working++
		go c.work()
	}
}

// work confirms what waits, one after the other.
func (c *confirmer) work() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.list) > 0 && c.ctx.Err() == nil {
		a := c.list[0]
		if c.list = c.list[1:]; len(c.list) == 0 {
			c.list = nil // its memory
		}
		c.mu.Unlock()
		for !a.confirm(c.ctx) && c.ctx.Err() == nil {
			pause(c.ctx, apiPause)
		}
		c.mu.Lock()
	}
	c.working--
	c.moved.Broadcast()
}

// confirm tries once to remove a record, and reports whether it is removed. Its consumer may
// be gone; then it is removed from the stream itself.
func (a *acknowledged) confirm(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if now := a.consumer.current.Load(); now != nil && *now == a.name {
		once, cancel := context.WithTimeout(ctx, apiTimeout)
		_, err := a.e.nc.RequestWithContext(once, a.reply, []byte("+ACK"))
		cancel()
		if err == nil {
			return true
		}
		if !errors.Is(err, nats.ErrNoResponders) && !errors.Is(err, context.DeadlineExceeded) {
			return false
		}
	}
	err := a.st.Delete(ctx, a.seq)
	if err == nil || errors.Is(err, gateway.ErrNotFound) {
		return true
	}
	if ctx.Err() == nil || errors.Is(ctx.Err(), context.DeadlineExceeded) {
		a.st.s.repeats.Warn(a.st.s.o.Log, "outbox stanza not removed; retrying", zap.Error(err))
	}
	return false
}

// end waits until what was acknowledged is confirmed, but not for ever.
func (c *confirmer) end(log *zap.Logger) {
	late := time.AfterFunc(keyValueTimeout, c.stop)
	defer late.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.working > 0 {
		c.moved.Wait()
	}
	if c.ctx.Err() != nil {
		log.Warn("outbox stanzas not removed; they are sent again after a restart", zap.Int("stanzas", len(c.list)))
	}
	c.stop()
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// errTaken means that another process hands out the records.
var errTaken = errors.New("another process reads the outbox")

// openTries is how often a consumer is made while another process, which is about to learn
// that it has lost the outbox, makes its own again.
const openTries = 20

func isNotUnique(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == 10100
}

// newName is the next name of the consumer on an external server. By the stamp the process
// knows those that it has made, whose answers may have been lost.
func (c *consumer) newName() string {
	c.made++
	return c.name + "_e" + c.stamp + "-" + strconv.Itoa(c.made)
}

// lookAfter opens the consumer again if the servers have lost it.
func (c *consumer) lookAfter(e *engine, err error) {
	if !c.look() {
		return
	}
	gone := errors.Is(err, jetstream.ErrConsumerDeleted) || errors.Is(err, jetstream.ErrConsumerNotFound)
	go func() {
		for again := true; again; gone = true {
			if (gone || !c.there(e)) && !c.reopen(e) {
				return // it is over
			}
			c.mu.Lock()
			c.looking = false // from now on errors are looked at again
			c.mu.Unlock()
			again = !c.there(e) && c.look()
		}
	}()
}

// look reports whether the caller is the one who looks after the consumer.
func (c *consumer) look() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.looking || c.closed {
		return false
	}
	c.looking = true
	return true
}

// reopen opens the consumer until it is open, and reports whether it is: it is not if it was
// closed, or if another process has one.
func (c *consumer) reopen(e *engine) bool {
	c.mu.Lock()
	end := c.end
	c.mu.Unlock()
	end()
	pause(c.run, apiPause) // who has removed it makes its own now
	for c.run.Err() == nil && !e.nc.IsClosed() {
		ctx, cancel := context.WithTimeout(c.run, time.Minute)
		err := c.isTaken(ctx, e)
		if err == nil {
			err = c.open(ctx, e)
		}
		cancel()
		switch {
		case err == nil:
			return true
		case errors.Is(err, errTaken):
			e.lost(err.Error())
			return false
		case c.run.Err() == nil:
			c.st.s.repeats.Warn(c.st.s.o.Log, "outbox not opened again; retrying", zap.Error(err))
			pause(c.run, apiPause)
		}
	}
	return false
}

// isTaken returns errTaken if another process has a consumer of the same records.
func (c *consumer) isTaken(ctx context.Context, e *engine) error {
	stream, err := c.st.handle(ctx)
	if err != nil {
		return err
	}
	return e.api(ctx, func(ctx context.Context) error {
		names := stream.ConsumerNames(ctx)
		for name := range names.Name() {
			if isOf(name, c.name) && !strings.HasPrefix(name, c.name+"_e"+c.stamp+"-") {
				return errTaken
			}
		}
		return names.Err()
	})
}

// there reports whether the servers have the consumer, as far as they say.
func (c *consumer) there(e *engine) bool {
	ctx, cancel := context.WithTimeout(c.run, readTimeout)
	defer cancel()
	stream, err := c.st.handle(ctx)
	name := c.current.Load()
	if err != nil || name == nil {
		return true
	}
	err = e.api(ctx, func(ctx context.Context) error {
		_, err := stream.Consumer(ctx, *name)
		return err
	})
	return !errors.Is(err, jetstream.ErrConsumerNotFound)
}
