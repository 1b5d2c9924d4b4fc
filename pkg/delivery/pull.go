package delivery

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store"
	"stanzahook/pkg/webhook"
)

// Errors of a Puller.
var (
	// ErrReplaced means that another reader has begun after this one.
	ErrReplaced = errors.New("a newer request reads the events of this endpoint, and there is one reader at a time")
	ErrDisabled = errors.New("the endpoint is disabled; its events wait until it is enabled")
)

// Puller has the events of an endpoint without a URL. They are in the store
// only, and a reader gets them from there in the order of their arrival; a
// place in that order is a cursor. Whoever sends a cursor acknowledges
// everything up to it.
//
// Failure policy: an event is shown only when the store has it, and it is
// shown again until it is acknowledged, over restarts too, with the same id
// and cursor. It is removed when what was to be sent for it (a receipt) is
// confirmed by the server. Killed between: it is shown again. What the store
// did not yet have when the process was killed is lost, as if it had still
// been in the socket.
type Puller struct {
	w    *Worker
	disk *store.Queue
	mark uint32 // of the queue, in cursors

	// acking is held by whoever moves acked: an acknowledgement, or expiry.
	acking chan struct{}

	mu          sync.Mutex
	acked       uint64        // everything up to here is acknowledged, or given up
	count       int           // events after that
	unconfirmed []uint64      // acknowledged, and not removed until something is confirmed
	reader      *Reader       // the one that may read
	handouts    []handout     // pages with events that are not acknowledged
	more        chan struct{} // closed when there is more; nil: nobody waits for that
	closed      bool
	expiry      context.CancelFunc
	expired     sync.WaitGroup
}

func openPuller(ctx context.Context, w *Worker, disk *store.Queue) (*Puller, error) {
	at, err := disk.Places(ctx)
	if err != nil {
		return nil, err
	}
	p := &Puller{w: w, disk: disk, mark: markOfTime(at.Made), acked: max(at.First, 1) - 1, acking: make(chan struct{}, 1)}
	for _, n := range disk.Backlog() {
		p.count += n
	}
	run, cancel := context.WithCancel(context.Background())
	p.expiry = cancel
	p.expired.Go(func() { p.expireLoop(run) })
	return p, nil
}

// errPulled is why an endpoint without a URL cannot be tried.
var errPulled = errors.New("the endpoint has no url: its events are pulled, and there is nobody to send a test to")

// enqueue takes an event. since is from when its age counts; onStored, if given, is
// called when the event is stored or refused. It never waits.
func (p *Puller) enqueue(ev *webhook.Event, since time.Time, onStored func(error)) error {
	r := recordOf(ev, senderOf(p.w.Endpoint(), ev.Stanza.From), since)
	p.mu.Lock()
	p.count++
	p.mu.Unlock()
	err := p.disk.Append(&r, func(seq uint64, err error) {
		if err != nil {
			p.subtract(1)
			p.w.unstored(&item{Event: ev, onStored: onStored}, err, true)
		} else {
			if p.w.tracing() {
				p.w.trace("an event is stored", ev, zap.Uint64("place", seq))
			}
			p.wake()
		}
		if onStored != nil {
			onStored(err)
		}
	})
	if err != nil {
		p.subtract(1)
	}
	return err
}

func (p *Puller) subtract(n int) {
	p.mu.Lock()
	p.count -= n
	p.mu.Unlock()
}

// wake tells a reader that waits.
func (p *Puller) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.more != nil {
		close(p.more)
		p.more = nil
	}
}

// nextWake returns what is closed at the next wake.
func (p *Puller) nextWake() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.more == nil {
		p.more = make(chan struct{})
	}
	return p.more
}

// lockAck waits for the right to move acked.
func (p *Puller) lockAck(ctx context.Context) error {
	select {
	case p.acking <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Puller) unlockAck() { <-p.acking }

// advance notes that everything up to an event is finished, but for what is unconfirmed.
func (p *Puller) advance(seq uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.acked = seq
	p.count--
	p.forgetHandouts()
}

// onConfirmed notes that the server has what was sent for an event.
func (p *Puller) onConfirmed(seq uint64) {
	p.mu.Lock()
	if i := slices.Index(p.unconfirmed, seq); i == 0 {
		p.unconfirmed = p.unconfirmed[1:]
	} else if i > 0 {
		p.unconfirmed = slices.Delete(p.unconfirmed, i, i+1)
	}
	p.mu.Unlock()
	p.ackStore()
}

// ackStore tells the store which events may be removed.
func (p *Puller) ackStore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	through := p.acked
	if len(p.unconfirmed) > 0 {
		through = min(through, p.unconfirmed[0]-1)
	}
	if through > 0 {
		p.disk.AckThrough(through)
	}
}

// Hangup ends the reader there is and lets no other begin, so that no request
// that waits holds up the end of the process.
func (p *Puller) Hangup() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.endReader(gateway.ErrStopping)
}

// Interrupt ends the reader there is: the endpoint is disabled.
func (p *Puller) Interrupt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endReader(ErrDisabled)
}

// endReader ends the reader there is; p.mu is held.
func (p *Puller) endReader(why error) {
	if p.reader != nil {
		p.reader.why = why
		close(p.reader.over)
		p.reader = nil
	}
}

func (p *Puller) close() {
	p.Hangup()
	p.expiry()
	p.expired.Wait()
}
