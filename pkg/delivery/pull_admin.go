package delivery

import (
	"context"

	"go.uber.org/zap"

	"stanzahook/pkg/store/deliverylog"
)

// Waiting returns how many events are not acknowledged.
func (p *Puller) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// drop removes one event, unacknowledged; its reader may have seen it.
//
// Errors: ErrUnknown.
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
		return ErrUnknown
	}
	if err := p.disk.Drop(ctx, r.Seq); err != nil {
		return err
	}
	p.subtract(1)
	ev, err := readEvent(&r.Record)
	if err != nil {
		p.w.log.Warn("a damaged event was dropped; the delivery log does not have it", zap.String("event", id), zap.Error(err))
		return nil
	}
	p.w.logDelivery(ev, deliverylog.Dropped, "by an operator", nil)
	return nil
}
