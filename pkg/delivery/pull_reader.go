package delivery

import (
	"context"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/webhook"
)

// Pulled is an event as a reader gets it.
type Pulled struct {
	Cursor string // acknowledges the event, and all before it
	JSON   []byte // the event, as format event writes it
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
// one, from the first event that is not acknowledged. The reader there was ends.
//
// Errors: gateway.ErrCursor, gateway.ErrBusy, gateway.ErrStopping, ErrDisabled.
func (p *Puller) Read(ctx context.Context, after string) (*Reader, error) {
	if p.w.breaker.status(time.Now()).Disabled {
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
	// A cursor that was given out stays what it is, so that a reader who gets
	// nothing new has the same in his hands.
	if c, err := parseCursor(after); err == nil && c.place == p.acked {
		r.at = c
	}
	p.reader = r
	return r, nil
}

// Close lets go of the endpoint.
func (r *Reader) Close() {
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	if r.p.reader == r {
		r.p.endReader(ErrReplaced)
	}
}

// Cursor is that of the last event that was read, or where the reader began.
func (r *Reader) Cursor() string { return r.at.String() }

// Next returns the next events, at most n; none if none came within wait, or
// if ctx ended.
//
// Errors: ErrReplaced, gateway.ErrStopping, ErrDisabled.
func (r *Reader) Next(ctx context.Context, n int, wait time.Duration) ([]Pulled, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		change := r.p.nextWake() // before the reading: what comes after it is not missed
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

// page reads what is there now.
func (r *Reader) page(ctx context.Context, n int) ([]Pulled, error) {
	p := r.p
	p.mu.Lock()
	if p.acked > r.at.place {
		r.at = cursor{queue: p.mark, place: p.acked}
	}
	p.mu.Unlock()
	for {
		stored, lost, err := p.disk.Page(ctx, r.at.place, n)
		p.subtract(lost)
		if err != nil || len(stored) == 0 {
			return nil, err
		}
		var list []Pulled
		for i := range stored {
			at := cursor{queue: p.mark, place: stored[i].Seq, event: markOf(stored[i].ID)}
			r.at = at
			ev, err := readEvent(&stored[i].Record)
			if err != nil {
				p.w.log.Error("an event in the store is damaged and cannot be delivered; it goes with the next acknowledgement", zap.String("event", stored[i].ID), zap.Error(err))
				continue
			}
			body, err := webhook.EncodeEvent(p.w.Endpoint(), ev)
			if err != nil {
				return nil, err
			}
			list = append(list, Pulled{at.String(), body})
		}
		if len(list) > 0 {
			p.handedOut(stored[0].Seq, stored[len(stored)-1].Seq)
			return list, nil
		}
	}
}
