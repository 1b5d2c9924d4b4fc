package delivery

import (
	"context"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// Pulled is an event for a reader.
type Pulled struct {
	Cursor string // acknowledges the event, and all before it
	JSON   []byte // the event, in format event
}

// Reader reads the events of an endpoint, one after the other. A newer one
// ends it. Its methods are for one goroutine.
type Reader struct {
	p    *Puller
	at   cursor        // up to here, the events were read
	over chan struct{} // closed when it may not read any more
	why  error         // of over
}

// Read begins to read after a cursor, whose events it acknowledges; without
// one, from the first event that is not acknowledged. It ends the previous reader.
//
// Errors: gateway.ErrCursor, gateway.ErrBusy, gateway.ErrStopping, ErrDisabled.
func (p *Puller) Read(ctx context.Context, after string) (*Reader, error) {
	if p.breaker.isDisabled() {
		return nil, ErrDisabled
	}
	if after != "" {
		if err := p.Ack(ctx, after); err != nil {
			return nil, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, gateway.ErrStopping
	}
	p.endReader(ErrReplaced)
	r := &Reader{p: p, over: make(chan struct{}), at: cursor{queue: p.mark, place: p.acked}}
	// With nothing new, the reader returns the same cursor.
	if c, err := parseCursor(after); err == nil && c.place == p.acked {
		r.at = c
	}
	p.reader = r
	return r, nil
}

// Close ends the reader.
func (r *Reader) Close() {
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	if r.p.reader == r {
		r.p.endReader(ErrReplaced)
	}
}

// Cursor returns the cursor of the last event that was read, or where the reader began.
func (r *Reader) Cursor() string { return r.at.String() }

// Next returns the next events, at most n; none if none came within wait, or
// if ctx ended.
//
// Errors: ErrReplaced, gateway.ErrStopping, ErrDisabled.
func (r *Reader) Next(ctx context.Context, n int, wait time.Duration) ([]Pulled, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		change := r.p.nextWake() // before the reading, so that no event is missed
		list, err := r.page(ctx, n)
		select {
		case <-r.over:
			return nil, r.why
		default:
		}
		if err != nil || len(list) > 0 {
			return list, err
		}
		select {
		case <-change:
		case <-timer.C:
			return nil, nil
		case <-ctx.Done():
			return nil, nil
		case <-r.over:
			return nil, r.why
		}
	}
}

// page reads the events that are there now.
func (r *Reader) page(ctx context.Context, n int) ([]Pulled, error) {
	p := r.p
	if place := p.place(); place > r.at.place {
		r.at = cursor{queue: p.mark, place: place}
	}
	p.beginPage()
	defer p.endPage()
	for {
		stored, err := p.page(ctx, r.at.place, n)
		if err != nil || len(stored) == 0 {
			return nil, err
		}
		var list []Pulled
		last := uint64(0)
		for i := range stored {
			if p.isClaimed(&stored[i]) { // a wake follows when it is over, or the reader's after all
				if len(list) == 0 {
					return nil, nil
				}
				break
			}
			last = stored[i].Seq
			r.at = cursor{queue: p.mark, place: stored[i].Seq, event: markOf(stored[i].ID)}
			ev, err := readEvent(&stored[i].Record)
			if err != nil {
				p.r.log.Error("damaged event skipped", zap.String("event", stored[i].ID), zap.Error(err))
				continue
			}
			body, err := webhook.EncodeEvent(p.r.Endpoint(), ev)
			if err != nil {
				return nil, err
			}
			list = append(list, Pulled{r.at.String(), body})
		}
		if len(list) > 0 {
			p.handOut(stored[0].Seq, last)
			return list, nil
		}
	}
}

// page reads at most n events after a place, and subtracts those that the store lost.
func (p *Puller) page(ctx context.Context, after uint64, n int) ([]store.Stored, error) {
	list, lost, err := p.disk.Page(ctx, after, n)
	p.subtract(lost)
	return list, err
}

// maxHandouts bounds the pages of unacknowledged events that are remembered.
const maxHandouts = 1000

// handout is a page of events that a reader got.
type handout struct {
	from, to uint64 // places of the first and the last
	at       time.Time
}

// handOut remembers that a reader gets a page.
func (p *Puller) handOut(from, to uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.handouts) == maxHandouts {
		p.handouts = append(p.handouts[:0], p.handouts[1:]...)
	}
	p.handouts = append(p.handouts, handout{from, to, time.Now()})
}

// shown returns the times that a reader got an event, which stand for attempts.
func (p *Puller) shown(seq uint64) []deliverylog.Attempt {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []deliverylog.Attempt
	for _, h := range p.handouts {
		if h.from <= seq && seq <= h.to {
			list = append(list, deliverylog.Attempt{Time: h.at})
		}
	}
	return list[max(0, len(list)-maxHistory):]
}

// logEnd writes into the delivery log that an event has ended, with the times that
// a reader got it.
func (p *Puller) logEnd(ev *webhook.Event, state deliverylog.State, reason string, shown []deliverylog.Attempt) {
	var last *deliverylog.Attempt
	for i := range shown {
		if last != nil {
			p.r.logDelivery(ev, deliverylog.Retrying, "", last)
		}
		last = &shown[i]
	}
	p.r.logDelivery(ev, state, reason, last)
	p.r.tell(ev, state, reason, last, len(shown))
}
