package outbox

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
)

// busyDelay is the delay before the next try when the link is busy.
const busyDelay = 200 * time.Millisecond

// buryDelay is the delay before the next try when a dead letter cannot be stored.
const buryDelay = 2 * time.Second

// recountTime is how often the store is asked whether something of earlier processes waits, as long as that seems so.
const recountTime = 5 * time.Second

// Bounds of the stored stanzas that are under way: replies to users wait behind what the
// link has, and must not wait behind all that was stored while the server was away.
const (
	maxUnderway  = 64 << 10
	stanzaWeight = 1 << 10 // bytes of a stanza at least: a server takes some time for each
)

// Start starts sending the stored stanzas, those of earlier processes first. stop
// ends it; unconfirmed stanzas stay in the store.
func (o *Outbox) Start(ctx context.Context) (stop func(), err error) {
	if o.mark, err = o.store.Outbox().Mark(ctx); err != nil {
		return nil, err
	}
	n, bytes, err := o.store.Outbox().Load(ctx, o.link.Domain().String())
	if err != nil {
		return nil, err
	}
	o.left = n
	o.change(n, bytes)
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	// The store's goroutine must not wait for a link that is down: the channel has
	// room for everything it can hand out.
	read := make(chan *store.OutgoingDelivery, store.MaxOutgoing)
	end, err := o.store.Outbox().Consume(ctx, o.link.Domain().String(), func(d *store.OutgoingDelivery) { read <- d })
	if err != nil {
		cancel()
		return nil, fmt.Errorf("outbox of %s: %w", o.link.Domain(), err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		again := time.NewTicker(recountTime)
		defer again.Stop()
		for {
			select {
			case d := <-read:
				o.forward(run, d)
			case <-again.C:
				o.recount(run)
			case <-run.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		end()
		wg.Wait()
	}, nil
}

// forward sends a stored stanza when the link is up. It is called for one record
// after the other.
//
// Killed at any point: the record stays in the store until remove.
func (o *Outbox) forward(ctx context.Context, d *store.OutgoingDelivery) {
	if !o.arrive(d) || o.inFlight(d) {
		return
	}
	s, err := stanza.Parse(d.Stanza, stanza.Limits{MaxBytes: len(d.Stanza) + 1})
	if err != nil { // it parsed before it was stored: the disk changed it
		o.log.Error("outbox stanza discarded", zap.String("reason", "damaged"), zap.String("record", d.ID), zap.Error(err))
		o.remove(d)
		return
	}
	if o.Elsewhere != nil && o.Elsewhere(ctx, s, d.Queued) {
		o.remove(d)
		return
	}
	if o.link.WaitConnected(ctx) != nil {
		return
	}
	if age := time.Since(d.Queued); age > o.maxAge {
		o.expire(ctx, d, s)
		return
	}
	weight := max(len(d.Stanza), stanzaWeight)
	if !o.depart(ctx, weight) {
		return
	}
	for {
		err := o.link.Send(s, func(err error) { // nil, or the server refused it and the link has logged that
			o.log.Debug("outbox stanza finished", zap.String("stanza_id", s.ID), zap.Error(err))
			o.land(weight)
			o.remove(d)
			o.ended(s, err)
		})
		switch {
		case err == nil:
			return
		case !errors.Is(err, gateway.ErrBusy):
			o.log.Error("outbox stanza discarded", zap.String("reason", "cannot be sent"), zap.String("stanza_id", s.ID), zap.Error(err))
			o.land(weight)
			o.remove(d)
			o.ended(s, err)
			return
		}
		select {
		case <-time.After(busyDelay):
		case <-ctx.Done():
			return
		}
	}
}

// depart waits until a stored stanza may be sent, one at least at any time. It reports
// whether that was before ctx ended.
func (o *Outbox) depart(ctx context.Context, weight int) bool {
	for {
		o.mu.Lock()
		free := o.underway == 0 || o.underway+weight <= maxUnderway
		if free {
			o.underway += weight
		}
		o.mu.Unlock()
		if free {
			return true
		}
		select {
		case <-o.landing:
		case <-ctx.Done():
			return false
		}
	}
}

// land makes room for the next stored stanza.
func (o *Outbox) land(weight int) {
	o.mu.Lock()
	o.underway -= weight
	o.mu.Unlock()
	select {
	case o.landing <- struct{}{}:
	default:
	}
}

// arrive counts a record that the store hands out, and reports whether it is to be sent. It is not if it was read before, as
// the store hands out records again after it was reopened, nor if it was not reported as stored: an earlier
// process was stopped, and has put it late, or this one could not say whether it is stored. It would come out of order.
func (o *Outbox) arrive(d *store.OutgoingDelivery) bool {
	o.mu.Lock()
	more, bytes := 0, 0
	switch {
	case o.read[d.ID]:
		o.mu.Unlock()
		return false
	case o.finished.Contains(d.ID):
		o.mu.Unlock()
		o.acknowledge(d)
		return false
	case o.unread[d.ID]: // those of earlier processes are all before it
		delete(o.unread, d.ID)
		more, o.left = -o.left, 0
	case d.Place > o.mark:
		o.mu.Unlock()
		o.Late.Add(1)
		o.log.Warn("outbox stanza discarded", zap.String("reason", "it was not reported as stored"), zap.String("record", d.ID))
		o.acknowledge(d)
		return false
	case o.left > 0:
		o.left--
	default:
		more, bytes = 1, len(d.Stanza)
	}
	o.read[d.ID] = true
	o.waiting.Add(int64(more)) // before a Send looks
	o.mu.Unlock()
	if more != 0 {
		o.change(0, int64(bytes))
	}
	return true
}

// recount notices that nothing of earlier processes is left: one of them may have removed what it had sent after this one
// has counted.
func (o *Outbox) recount(ctx context.Context) {
	o.mu.Lock()
	left := o.left
	o.mu.Unlock()
	if left == 0 {
		return
	}
	if n, err := o.store.Outbox().Count(ctx, o.link.Domain().String()); n > 0 || err != nil {
		return
	}
	o.mu.Lock()
	left, o.left = o.left, 0
	o.mu.Unlock()
	o.change(-left, 0)
}

// expire turns a stanza that is too old into a dead letter.
//
// Killed before the dead letter is on disk: the stanza is still in the outbox.
// Killed after: the dead letter is overwritten with the same content.
func (o *Outbox) expire(ctx context.Context, d *store.OutgoingDelivery, s *stanza.Stanza) {
	for {
		err := o.store.DeadLetters().Put(ctx, &store.DeadLetter{
			Record: store.Record{ID: d.ID, Component: d.Component, Received: d.Queued, Since: d.Queued, Stanza: d.Stanza},
			Type:   s.EventType(), From: s.From.String(), To: s.To.String(),
			Reason: fmt.Sprintf("the XMPP server could not be reached within %v", o.maxAge), Died: time.Now(),
		})
		if err == nil {
			break
		}
		o.log.Error("dead letter not stored", zap.String("stanza_id", s.ID), zap.Error(err), zap.Duration("retry_in", buryDelay))
		select {
		case <-time.After(buryDelay):
		case <-ctx.Done():
			return
		}
	}
	o.Expired.Add(1)
	o.log.Warn("outbox stanza expired", zap.String("stanza_id", s.ID), zap.Duration("age", time.Since(d.Queued)), zap.String("hint", "it is a dead letter now; outbox.max_age is the limit"))
	o.remove(d)
	o.ended(s, gateway.ErrExpired)
}

// inFlight reports whether the link already has the stanza of a record. The record
// is then removed when the server confirms the stanza.
func (o *Outbox) inFlight(d *store.OutgoingDelivery) bool {
	o.mu.Lock()
	f := o.sent[d.ID]
	if f == nil {
		o.mu.Unlock()
		return false
	}
	landed := f.landed
	if !landed {
		f.record = d
	}
	o.mu.Unlock()
	if landed {
		o.remove(d)
	}
	return true
}
