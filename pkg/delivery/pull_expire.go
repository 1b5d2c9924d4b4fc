package delivery

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/store/deliverylog"
)

// expireLoop gives up what nobody has acknowledged within MaxAge, until ctx ends.
func (p *Puller) expireLoop(ctx context.Context) {
	for {
		next, err := p.cull(ctx)
		if err != nil && ctx.Err() == nil {
			p.w.log.Warn("events that are too old stay for now", zap.Error(err))
			next = storePause
		}
		select {
		case <-time.After(next):
		case <-ctx.Done():
			return
		}
	}
}

// cull gives up the first events that are too old, and returns when to look
// again.
func (p *Puller) cull(ctx context.Context) (next time.Duration, err error) {
	if err := p.lockAck(ctx); err != nil {
		return 0, err
	}
	defer p.unlockAck()
	defer p.ackStore()
	every := min(sweepPause, max(p.w.Endpoint().MaxAge/4, 10*time.Millisecond))
	for {
		list, lost, err := p.disk.Page(ctx, p.place(), 1)
		p.subtract(lost)
		if err != nil || len(list) == 0 {
			return every, err
		}
		if left := p.w.Endpoint().MaxAge - time.Since(list[0].Since); left > 0 {
			return min(every, left), nil
		}
		if err := p.giveUp(ctx, &list[0]); err != nil {
			return every, err
		}
	}
}

// giveUp makes a dead letter of the first event, and sends an error to its sender.
//
// Killed before the dead letter is on disk: the event is still there. Killed
// after: it is given up again, and the dead letter is written over; the sender
// may be told twice, in stanzas with the same id.
func (p *Puller) giveUp(ctx context.Context, r *store.Stored) error {
	ev, err := readEvent(&r.Record)
	if err != nil {
		return p.complete(r) // says that it is damaged
	}
	tries := p.tries(r.Seq)
	reason := fmt.Sprintf("nobody acknowledged it within %v", p.w.Endpoint().MaxAge)
	if err := p.w.putDeadLetter(ctx, ev, r.Since, reason, tries); err != nil {
		return err
	}
	var out *stanza.Stanza
	if !p.w.Endpoint().DropOld && !p.w.Endpoint().Copy {
		out = p.w.bounce(ev, tooLate())
	}
	if err := p.send(ev, r.Seq, out); err != nil {
		return err
	}
	p.w.Counters.Expired.Add(1)
	p.w.logGivenUp(ev, reason)
	p.logEnd(ev, deliverylog.Dead, reason, tries)
	return nil
}
