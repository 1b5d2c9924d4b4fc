package delivery

import (
	"context"
	"errors"
	"fmt"
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
// Failure policy: the events are gone through in their order, and where it
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
		list, lost, err := p.disk.Page(ctx, p.place(), ackPage)
		p.subtract(lost)
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

// place is up to where everything is acknowledged.
func (p *Puller) place() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.acked
}

// skip passes over places where nothing is.
func (p *Puller) skip(to uint64) {
	p.mu.Lock()
	p.acked = max(p.acked, to)
	p.mu.Unlock()
}

// checkCursor checks that the event of a cursor is the one that is there.
func (p *Puller) checkCursor(ctx context.Context, c cursor) error {
	if c.event == 0 || c.place <= p.place() {
		return nil
	}
	list, lost, err := p.disk.Page(ctx, c.place-1, 1)
	p.subtract(lost)
	if err != nil {
		return err
	}
	if len(list) == 1 && list[0].Seq == c.place && markOf(list[0].ID) != c.event {
		return fmt.Errorf("%w: another event is in its place", gateway.ErrCursor)
	}
	return nil
}

// complete ends the first event: its reader has it.
func (p *Puller) complete(r *store.Stored) error {
	ev, err := readEvent(&r.Record)
	if err != nil { // it was shown to nobody
		p.w.log.Error("an event in the store is damaged; it is removed", zap.String("event", r.ID), zap.Error(err))
		p.advance(r.Seq)
		return nil
	}
	tries := p.tries(r.Seq)
	var out *stanza.Stanza
	if !p.w.Endpoint().Copy {
		out = webhook.Receipt(ev)
	}
	if err := p.send(ev, r.Seq, out); err != nil {
		return err
	}
	p.w.Counters.Delivered.Add(1)
	p.w.breaker.succeeded(time.Now())
	p.logEnd(ev, deliverylog.Delivered, "", tries)
	return nil
}

// send ends an event with a stanza, or with none. It does not wait.
//
// Killed before the stanza is confirmed: the event is still there, and the
// stanza is sent again with the same id.
func (p *Puller) send(ev *webhook.Event, seq uint64, out *stanza.Stanza) error {
	p.mu.Lock()
	if out != nil { // before it can be confirmed
		p.unconfirmed = append(p.unconfirmed, seq)
	}
	p.mu.Unlock()
	if out != nil {
		err := p.w.sender.Send(ev.Component, out, false, func(error) { p.onConfirmed(seq) })
		switch {
		case errors.Is(err, gateway.ErrBusy):
			p.onConfirmed(seq) // acked is before it: it stays
			return gateway.ErrBusy
		case err != nil: // nor ever will it be
			p.w.repeats.Error(p.w.log, "a stanza for the sender of an event can not be sent", about(ev, zap.Error(err))...)
			p.onConfirmed(seq)
		}
	}
	if p.w.tracing() {
		p.w.trace("an event is over", ev, zap.Bool("answered", out != nil))
	}
	p.advance(seq)
	return nil
}
