package delivery

import (
	"time"

	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// maxHandouts bounds the pages of unacknowledged events that are remembered.
const maxHandouts = 1000

// handout is a page of events that a reader got.
type handout struct {
	from, to uint64 // places of the first and the last
	at       time.Time
}

// handedOut notes that a reader gets a page.
func (p *Puller) handedOut(from, to uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.handouts) == maxHandouts {
		p.handouts = append(p.handouts[:0], p.handouts[1:]...)
	}
	p.handouts = append(p.handouts, handout{from, to, time.Now()})
}

// tries are the times that a reader got an event: what attempts are for an
// endpoint with a URL.
func (p *Puller) tries(seq uint64) []deliverylog.Attempt {
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

// forgetHandouts forgets the pages of which all is over; p.mu is held.
func (p *Puller) forgetHandouts() {
	kept := p.handouts[:0]
	for _, h := range p.handouts {
		if h.to > p.acked {
			kept = append(kept, h)
		}
	}
	p.handouts = kept
}

// logEnd writes into the delivery log that an event has ended, with the times that
// a reader got it.
func (p *Puller) logEnd(ev *webhook.Event, state deliverylog.State, reason string, tries []deliverylog.Attempt) {
	var last *deliverylog.Attempt
	for i := range tries {
		if last != nil {
			p.w.logDelivery(ev, deliverylog.Retrying, "", last)
		}
		last = &tries[i]
	}
	p.w.logDelivery(ev, state, reason, last)
}
