package delivery

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// Errors of a Puller.
var (
	// ErrReplaced means that another reader has begun after this one.
	ErrReplaced = errors.New("a newer request reads the events of this endpoint, and there is one reader at a time")
	ErrDisabled = errors.New("the endpoint is disabled; its events wait until it is enabled")
)

// Puller holds the events of an endpoint without a URL. They are in the store
// only, and a reader gets them from there in the order of their arrival. A cursor is a
// place in that order; sending it acknowledges everything up to it.
//
// Failure policy: an event is shown only when the store has it, and it is
// shown again until it is acknowledged, over restarts too, with the same id
// and cursor. It is removed when the server has confirmed what was sent for it (a
// receipt). Killed between: it is shown again. An event that was not stored when the
// process was killed is lost, as if it had still been in the socket.
type Puller struct {
	r       *responder
	breaker *breaker // for whether the endpoint is disabled
	disk    *store.Queue
	mark    uint32 // of the queue, in cursors

	// acking is the right to move acked, for an acknowledgement or expiry.
	acking chan struct{}
	given  givenUp // the first event, if it is given up; acking guards it

	mu          sync.Mutex
	acked       uint64    // everything up to here is acknowledged, or given up
	count       int       // events after that
	unconfirmed []uint64  // acknowledged, and not removed until something is confirmed
	reader      *Reader   // the one that may read
	handouts    []handout // pages with events that are not acknowledged
	expected    []*Expectation
	reading     int           // pages that are being read
	consumed    []uint64      // places of events that went to who waited for them, during that
	more        chan struct{} // closed when there is more; nil: nobody waits for that
	closed      bool
	over        chan struct{} // closed with it
	stopExpiry  context.CancelFunc
	expiry      sync.WaitGroup
}

func openPuller(ctx context.Context, r *responder, b *breaker, disk *store.Queue) (*Puller, error) {
	if err := disk.Pull(ctx); err != nil {
		return nil, err
	}
	at, err := disk.Places(ctx)
	if err != nil {
		return nil, err
	}
	p := &Puller{r: r, breaker: b, disk: disk, mark: markOfQueue(disk.Name(), at.Made), acked: max(at.First, 1) - 1, acking: make(chan struct{}, 1), over: make(chan struct{})}
	for _, n := range disk.Backlog() {
		p.count += n
	}
	run, cancel := context.WithCancel(context.Background())
	p.stopExpiry = cancel
	p.expiry.Go(func() { p.expireLoop(run) })
	return p, nil
}

// enqueue adds an event. Its age counts from since; onStored, if given, is
// called when the event is stored or refused. It never waits.
func (p *Puller) enqueue(ev *webhook.Event, since time.Time, onStored func(error)) error {
	r := recordOf(ev, senderOf(p.r.Endpoint(), ev.Stanza.From), since)
	p.subtract(-1)
	expected := p.claim(ev)
	err := p.disk.Append(&r, func(seq uint64, err error) {
		if err != nil {
			p.settle(expected, ev, 0)
			p.subtract(1)
			p.r.onUnstored(ev, err, onStored == nil)
			endSpan(ev, endDropped, notStored)
		} else {
			if p.r.tracing() {
				p.r.trace("event stored", ev, zap.Uint64("place", seq))
			}
			p.r.tellQueued(ev, since)
			endSpan(ev, endStored, "")
			p.settle(expected, ev, seq)
			p.wake()
		}
		if onStored != nil {
			onStored(err)
		}
	})
	if err != nil {
		p.settle(expected, ev, 0)
		p.subtract(1)
	}
	return err
}

// subtract removes n events from the count.
func (p *Puller) subtract(n int) {
	p.mu.Lock()
	p.count -= n
	p.mu.Unlock()
}

// len returns how many events are not acknowledged.
func (p *Puller) len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// wake wakes a waiting reader.
func (p *Puller) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.more != nil {
		close(p.more)
		p.more = nil
	}
}

// nextWake returns a channel that the next wake closes.
func (p *Puller) nextWake() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.more == nil {
		p.more = make(chan struct{})
	}
	return p.more
}

// Hangup ends the reader and lets no other begin, so that no waiting
// request holds up the end of the process.
func (p *Puller) Hangup() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed = true
		close(p.over)
	}
	p.endReader(gateway.ErrStopping)
}

// interrupt ends the reader: the endpoint is disabled.
func (p *Puller) interrupt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endReader(ErrDisabled)
}

// endReader ends the reader, if there is one; p.mu is held.
func (p *Puller) endReader(why error) {
	if p.reader != nil {
		p.reader.why = why
		close(p.reader.over)
		p.reader = nil
	}
}

func (p *Puller) close() {
	p.Hangup()
	p.stopExpiry()
	p.expiry.Wait()
}

// drop removes one unacknowledged event; the reader may have seen it.
func (p *Puller) drop(ctx context.Context, id string) error {
	if err := p.lockAck(ctx); err != nil {
		return err
	}
	defer p.unlockAck()
	r, ok, err := p.disk.Find(ctx, id)
	if err != nil {
		return err
	}
	if !ok || r.Seq <= p.place() {
		return errUnknown
	}
	if err := p.disk.Drop(ctx, r.Conversation, r.Seq); err != nil {
		return err
	}
	p.subtract(1)
	ev, err := readEvent(&r.Record)
	if err != nil {
		p.r.log.Warn("damaged event dropped; not in the delivery log", zap.String("event", id), zap.Error(err))
		return nil
	}
	p.r.record(ev, deliverylog.Dropped, "by an operator")
	return nil
}

// expireLoop gives up events that nobody has acknowledged within MaxAge, until ctx ends.
func (p *Puller) expireLoop(ctx context.Context) {
	for {
		next, err := p.expireAll(ctx)
		if err != nil && ctx.Err() == nil {
			p.r.log.Warn("events not expired; retrying", zap.Error(err))
			next = storePause
		}
		select {
		case <-time.After(next):
		case <-ctx.Done():
			return
		}
	}
}

// expireAll gives up the first events that are too old, and returns when to look
// again.
func (p *Puller) expireAll(ctx context.Context) (next time.Duration, err error) {
	if err := p.lockAck(ctx); err != nil {
		return 0, err
	}
	defer p.unlockAck()
	defer p.ackStore()
	every := sweepEvery(p.r.Endpoint().MaxAge)
	for p.len() > 0 {
		list, err := p.page(ctx, p.place(), 1)
		if err != nil || len(list) == 0 {
			return every, err
		}
		if left := p.r.Endpoint().MaxAge - time.Since(list[0].Since); left > 0 {
			return min(every, left), nil
		}
		if err := p.expire(ctx, &list[0]); err != nil {
			return every, err
		}
	}
	return every, nil
}

// givenUp is an event that has its dead letter, and stays first until what its sender gets
// can be sent.
type givenUp struct {
	seq    uint64
	reason string
	shown  []deliverylog.Attempt
	bounce *stanza.Stanza
}

// expire gives up the first event. If the link is full its sender is told later; that
// makes no second dead letter.
func (p *Puller) expire(ctx context.Context, r *store.Stored) error {
	ev, err := readEvent(&r.Record)
	if err != nil {
		return p.complete(r) // logs that it is damaged
	}
	if p.given.seq != r.Seq {
		g := givenUp{seq: r.Seq, reason: fmt.Sprintf("nobody acknowledged it within %v", p.r.Endpoint().MaxAge), shown: p.shown(r.Seq)}
		if g.bounce, err = p.r.giveUpExpired(ctx, ev, r.Since, g.reason, g.shown); err != nil {
			return err
		}
		p.given = g
	}
	return p.bury(ev)
}

// bury ends the first event, which was given up.
func (p *Puller) bury(ev *webhook.Event) error {
	if err := p.finish(ev, p.given.seq, p.given.bounce); err != nil {
		return err
	}
	p.logEnd(ev, deliverylog.Dead, p.given.reason, p.given.shown)
	return nil
}
