package outbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// busyDelay is how long to wait when the link has too much waiting.
const busyDelay = 200 * time.Millisecond

// buryDelay is how long to wait when a dead letter cannot be stored.
const buryDelay = 2 * time.Second

// Start begins to send what is stored, from the process before us first. stop
// ends that; what is not confirmed stays in the store.
func (o *Outbox) Start(ctx context.Context) (stop func(), err error) {
	n, err := o.store.CountOutgoing(ctx, o.link.Domain().String())
	if err != nil {
		return nil, err
	}
	o.waiting.Add(int64(n))
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	// The store's goroutine must not wait for a link that is down; all that it
	// can hand out fits in here.
	read := make(chan *store.OutgoingDelivery, store.MaxOutgoing)
	end, err := o.store.ConsumeOutgoing(ctx, o.link.Domain().String(), func(d *store.OutgoingDelivery) { read <- d })
	if err != nil {
		cancel()
		return nil, fmt.Errorf("outbox of %s: %w", o.link.Domain(), err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case d := <-read:
				o.forward(run, d)
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

// forward gives a stored stanza to the link, when it is up. It is called for
// one record after the other.
//
// Killed at any point: the record is in the store until it is settled.
func (o *Outbox) forward(ctx context.Context, d *store.OutgoingDelivery) {
	if o.again(d) || o.inFlight(d) {
		return
	}
	s, err := stanza.Parse(d.Stanza, stanza.Limits{MaxBytes: len(d.Stanza) + 1})
	if err != nil { // it was parsed before it was stored: the disk has changed it
		o.log.Error("a stanza in the outbox is damaged; it is removed", zap.String("record", d.ID), zap.Error(err))
		o.settle(d)
		return
	}
	if o.link.WaitConnected(ctx) != nil {
		return
	}
	if age := time.Since(d.Queued); age > o.maxAge {
		o.expire(ctx, d, s)
		return
	}
	for {
		err := o.link.Send(s, func(err error) { // confirmed, or refused by the server, which the link has logged
			o.log.Debug("a stanza of the outbox is over", zap.String("stanza_id", s.ID), zap.Error(err))
			o.settle(d)
			o.ended(s, err)
		})
		switch {
		case err == nil:
			return
		case !errors.Is(err, component.ErrBusy):
			o.log.Error("a stanza in the outbox can not be sent; it is removed", zap.String("stanza_id", s.ID), zap.Error(err))
			o.settle(d)
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

// again reports whether a record comes again, as it does when the store was
// opened anew.
func (o *Outbox) again(d *store.OutgoingDelivery) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.has[d.ID] {
		return true
	}
	o.has[d.ID] = true
	return false
}

// expire makes a dead letter of a stanza that is too old.
//
// Killed before the dead letter is on disk: the stanza is in the outbox still.
// Killed after: the dead letter is written again, over itself.
func (o *Outbox) expire(ctx context.Context, d *store.OutgoingDelivery, s *stanza.Stanza) {
	for {
		err := o.store.Bury(ctx, store.Dead{
			Record: store.Record{ID: d.ID, Component: d.Component, Received: d.Queued, Since: d.Queued, Stanza: d.Stanza},
			Type:   s.EventType(), From: s.From.String(), To: s.To.String(),
			Reason: fmt.Sprintf("the XMPP server could not be reached within %v", o.maxAge), Died: time.Now(),
		})
		if err == nil {
			break
		}
		o.log.Error("a dead letter cannot be stored; the stanza stays in the outbox", zap.String("stanza_id", s.ID), zap.Error(err))
		select {
		case <-time.After(buryDelay):
		case <-ctx.Done():
			return
		}
	}
	o.Expired.Add(1)
	o.log.Warn("a stanza in the outbox is older than outbox.max_age; it is a dead letter now", zap.String("stanza_id", s.ID), zap.Duration("age", time.Since(d.Queued)))
	o.settle(d)
	o.ended(s, ErrExpired)
}

// inFlight reports whether the link has the stanza of a record already; then
// the record is settled when that is confirmed.
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
		o.settle(d)
	}
	return true
}
