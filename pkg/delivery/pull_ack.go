package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// ackPage is how many events are acknowledged at a time.
const ackPage = 256

// Ack acknowledges everything up to a cursor: receipts that were asked for are
// sent (XEP-0184), and the events go. A cursor that was acknowledged already
// changes nothing.
//
// Failure policy: events are acknowledged in their order, and where that
// breaks off (an error, the end of ctx, a kill) the rest stays as it was, to
// be acknowledged by the same cursor again.
//
// Errors: gateway.ErrCursor; gateway.ErrBusy if too much waits for the XMPP server.
func (p *Puller) Ack(ctx context.Context, text string) error {
	c, err := parseCursor(text)
	if err != nil {
		return err
	}
	if c.queue != p.mark {
		return fmt.Errorf("%w: its queue was removed", gateway.ErrCursor)
	}
	if top := p.disk.Top(); c.place > top {
		return fmt.Errorf("%w: the event is still to come", gateway.ErrCursor)
	}
	if err := p.lockAck(ctx); err != nil {
		return err
	}
	defer p.unlockAck()
	defer p.ackStore()
	if err := p.checkCursor(ctx, c); err != nil {
		return err
	}
	for p.place() < c.place {
		list, err := p.page(ctx, p.place(), ackPage)
		if err != nil {
			return err
		}
		if len(list) == 0 || list[0].Seq > c.place { // dropped, or damaged
			p.skip(c.place)
			return nil
		}
		for i := range list {
			if list[i].Seq > c.place {
				break
			}
			if err := p.complete(&list[i]); err != nil {
				return err
			}
		}
		p.ackStore()
	}
	return nil
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

// place returns up to where everything is acknowledged.
func (p *Puller) place() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.acked
}

// skip moves acked over places without an event.
func (p *Puller) skip(to uint64) {
	p.mu.Lock()
	p.acked = max(p.acked, to)
	p.mu.Unlock()
}

// advance moves acked to an event, and forgets the pages before it.
func (p *Puller) advance(seq uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.acked = seq
	p.count--
	p.handouts = slices.DeleteFunc(p.handouts, func(h handout) bool { return h.to <= seq })
}

// checkCursor refuses a cursor whose event is not the one at its place.
func (p *Puller) checkCursor(ctx context.Context, c cursor) error {
	if c.event == 0 || c.place <= p.place() {
		return nil
	}
	list, err := p.page(ctx, c.place-1, 1)
	if err != nil {
		return err
	}
	if len(list) == 1 && list[0].Seq == c.place && markOf(list[0].ID) != c.event {
		return fmt.Errorf("%w: another event is in its place", gateway.ErrCursor)
	}
	return nil
}

// complete ends the first event as delivered, or as dead if it was given up before.
func (p *Puller) complete(r *store.Stored) error {
	ev, err := readEvent(&r.Record)
	if err != nil { // no reader got it
		p.r.log.Error("damaged event removed", zap.String("event", r.ID), zap.Error(err))
		p.advance(r.Seq)
		return nil
	}
	if p.given.seq == r.Seq {
		return p.bury(ev)
	}
	shown := p.shown(r.Seq)
	var receipt *stanza.Stanza
	if !p.r.Endpoint().Copy {
		receipt = webhook.Receipt(ev)
	}
	if err := p.finish(ev, r.Seq, receipt); err != nil {
		return err
	}
	p.r.Counters.Delivered.Add(1)
	p.r.Counters.Answered.Observe(time.Since(ev.Received))
	p.breaker.succeeded(time.Now())
	p.logEnd(ev, deliverylog.Delivered, "", shown)
	return nil
}

// finish ends the first event with a stanza for its sender, or with none. It does not
// wait.
//
// Killed before the stanza is confirmed: the event is still in the store, and the
// stanza is sent again with the same id.
func (p *Puller) finish(ev *webhook.Event, seq uint64, out *stanza.Stanza) error {
	if out != nil {
		p.mu.Lock()
		p.unconfirmed = append(p.unconfirmed, seq) // before it can be confirmed
		p.mu.Unlock()
		err := p.r.sender.Send(ev.Component, out, false, func(error) { p.onConfirmed(seq) })
		switch {
		case errors.Is(err, gateway.ErrBusy):
			p.onConfirmed(seq) // acked is before it: the event stays
			return gateway.ErrBusy
		case err != nil: // permanent error: drop the stanza and finish the event
			p.r.repeats.Error(p.r.log, "receipt or error not sent", about(ev, zap.Error(err))...)
			p.onConfirmed(seq)
		}
	}
	if p.r.tracing() {
		p.r.trace("event finished", ev, zap.Bool("answered", out != nil))
	}
	p.advance(seq)
	return nil
}

// onConfirmed is called when the server has confirmed what was sent for an event.
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

// ackStore acknowledges events to the store that are acknowledged and confirmed.
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
