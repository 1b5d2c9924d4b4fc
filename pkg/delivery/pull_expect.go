package delivery

import (
	"context"
	"fmt"
	"slices"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// receiptWait bounds how long the event of an answer stays in the store for the confirmation of
// its receipt.
const receiptWait = 2 * time.Second

// Expectation is the wait for an answer: for the next message of one conversation. The reader
// of the endpoint gets that message only if the wait has ended without it.
//
// Killed before [Expectation.Take] has removed it: the message is an event as any other, and the
// next reader gets it. So nothing is lost, and the one that waited may have it, too.
type Expectation struct {
	p        *Puller
	from, to jid.JID
	got      chan struct{} // closed when the message is stored

	// p.mu guards these.
	claimed string // id of the event; empty: none has come
	event   *webhook.Event
	seq     uint64
}

// Expect begins to wait for the next message with a text from an address to one of ours. If
// from is bare, any resource of it counts, and what anybody says in the room, but not what
// an occupant says in private; that counts if from is the occupant's address.
//
// Errors: ErrDisabled, gateway.ErrStopping; gateway.ErrConflict if somebody waits for that
// already.
func (p *Puller) Expect(from, to jid.JID) (*Expectation, error) {
	if p.breaker.isDisabled() {
		return nil, ErrDisabled
	}
	x := &Expectation{p: p, from: from, to: to.Bare(), got: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, gateway.ErrStopping
	}
	for _, other := range p.expected {
		if other.event == nil && other.to == x.to && other.from.Bare() == from.Bare() && (other.from == from || other.from.IsBare() || from.IsBare()) {
			return nil, fmt.Errorf("%w: another request waits for an answer of %s", gateway.ErrConflict, from)
		}
	}
	p.expected = append(p.expected, x)
	return x, nil
}

// Next returns the message, which no reader gets until the wait is closed. It returns false if
// ctx ended before it came. Error: gateway.ErrStopping.
func (x *Expectation) Next(ctx context.Context) (Pulled, bool, error) {
	select {
	case <-x.got:
	case <-ctx.Done():
		return Pulled{}, false, nil
	case <-x.p.over:
		return Pulled{}, false, gateway.ErrStopping
	}
	body, err := webhook.EncodeEvent(x.p.r.Endpoint(), x.event) // written before got was closed
	return Pulled{JSON: body}, err == nil, err
}

// Take ends the event of the message that Next has returned, now that the one who waited has it:
// it is no event from then on. The receipt that it asks for is sent.
//
// Errors: gateway.ErrBusy if too much waits for the XMPP server, that of ctx, and those of the
// store: the message stays an event.
func (x *Expectation) Take(ctx context.Context) error { return x.p.consume(ctx, x.event, x.seq) }

// Close ends the wait. A message that came and was not taken is an event.
func (x *Expectation) Close() {
	p := x.p
	p.mu.Lock()
	p.expected = slices.DeleteFunc(p.expected, func(other *Expectation) bool { return other == x })
	p.mu.Unlock()
	p.wake()
}

// expects reports whether an event is what is waited for.
func (x *Expectation) expects(ev *webhook.Event) bool {
	s := ev.Stanza
	switch r := ev.Room; {
	case r != nil && (r.Own || r.Missed):
		return false
	case x.from.IsFull() && s.Type == "groupchat", x.from.IsBare() && r != nil && s.Type != "groupchat": // another conversation
		return false
	}
	if x.claimed != "" || s.Kind != stanza.Message || s.To.Bare() != x.to || s.From != x.from && (x.from.IsFull() || s.From.Bare() != x.from) {
		return false
	}
	f := message.Read(s)
	return f.Event == message.Said && f.HasBody()
}

// claim keeps an event from readers that somebody waits for; nil: nobody does.
func (p *Puller) claim(ev *webhook.Event) *Expectation {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range p.expected {
		if x.expects(ev) {
			x.claimed = ev.ID
			return x
		}
	}
	return nil
}

// settle tells who waits for an event that it is stored, at a place, or is not.
func (p *Puller) settle(x *Expectation, ev *webhook.Event, seq uint64) {
	if x == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if seq == 0 {
		x.claimed = ""
		return
	}
	x.event, x.seq = ev, seq
	close(x.got)
}

// isClaimed reports whether somebody waits for an event, so that no reader may have it yet, or
// has got it since the reader has begun to read a page.
func (p *Puller) isClaimed(e *store.Stored) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.consumed, e.Seq) || slices.ContainsFunc(p.expected, func(x *Expectation) bool { return x.claimed == e.ID })
}

// beginPage and endPage stand around the reading of a page: what is consumed meanwhile may be
// in it.
func (p *Puller) beginPage() {
	p.mu.Lock()
	p.reading++
	p.mu.Unlock()
}

func (p *Puller) endPage() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reading--; p.reading == 0 {
		p.consumed = nil
	}
}

// consume ends an event out of order: the one who waited for it has it.
//
// Killed between: the event is there still, and a reader gets it; its receipt is sent again
// with the same id. If the server has not confirmed the receipt within receiptWait, the event
// goes all the same, and a kill after that may lose the receipt.
func (p *Puller) consume(ctx context.Context, ev *webhook.Event, seq uint64) error {
	if receipt := webhook.Receipt(ev); receipt != nil && !p.r.Endpoint().Copy {
		confirmed := make(chan struct{})
		if err := p.r.sender.Send(ev.Component, receipt, false, func(error) { close(confirmed) }); err != nil {
			return err
		}
		select {
		case <-confirmed:
		case <-time.After(receiptWait):
		case <-ctx.Done():
		}
	}
	if err := p.lockAck(ctx); err != nil {
		return err
	}
	defer p.unlockAck()
	if seq > p.place() {
		if err := p.disk.Drop(ctx, conversationOf(ev), seq); err != nil {
			return err
		}
		p.subtract(1)
		p.mu.Lock()
		if p.reading > 0 {
			p.consumed = append(p.consumed, seq)
		}
		p.mu.Unlock()
	}
	p.r.Counters.Delivered.Add(1)
	p.r.Counters.Answered.Observe(time.Since(ev.Received))
	p.breaker.succeeded(time.Now())
	p.logEnd(ev, deliverylog.Delivered, "", []deliverylog.Attempt{{Time: time.Now()}})
	return nil
}
