package corrections

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// onTime sends what waits, behind the one before.
func (c *Corrections) onTime(e *edits) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped || e.timer == nil {
		return
	}
	e.timer = nil
	c.running.Go(func() { c.flush(c.ctx, e) })
}

// flush sends what waits of a message, behind the one before, and returns when it is sent.
func (c *Corrections) flush(ctx context.Context, e *edits) {
	for {
		c.mu.Lock()
		before, one := e.sending, e.waiting
		if c.stopped || before == nil && one == nil {
			c.mu.Unlock()
			return
		}
		if before == nil {
			if e.timer != nil {
				e.timer.Stop()
				e.timer = nil
			}
			e.waiting, e.last, e.sending = nil, time.Now(), make(chan struct{})
			c.mu.Unlock()
			c.send(e, one)
			return
		}
		c.mu.Unlock()
		select {
		case <-before:
		case <-ctx.Done():
			return
		}
	}
}

// send sends one that has waited, until it is sent or a newer one waits. The process goes on
// with it after a stop.
func (c *Corrections) send(e *edits, one *correction) {
	c.mu.Lock()
	attends := one.attends
	one.attends = false
	c.mu.Unlock()
	how := one.how
	if how.ReportBounce = attends && how.ReportBounce; attends {
		how.Wait = max(time.Millisecond, time.Until(one.until))
	} else {
		how.Wait, how.Echo = 0, false
	}
	state, err := c.o.Send(c.ctx, one.stanza, how)
	done := true
	switch {
	case err == nil:
	case c.ctx.Err() != nil: // it stays on disk
		done = false
	case isTemporary(err) && !attends:
		if done = false; !c.later(e, one, err) {
			c.replaced(one)
		}
	default:
		if _, back := errors.AsType[*gateway.Bounced](err); !back {
			c.repeats.Error(c.o.Log, "correction not sent", zap.String("stanza_id", one.stanza.ID), zap.Error(err))
			c.record(c.ctx, one, store.SentRejected)
		}
	}
	if done {
		c.remove(one.WaitingMessage)
	}
	if attends {
		one.result <- result{state, err}
	}
	c.mu.Lock()
	close(e.sending)
	e.sending = nil
	c.forget(e)
	c.mu.Unlock()
}

// isTemporary reports whether the same message may be sent later.
func isTemporary(err error) bool {
	_, often := errors.AsType[*gateway.TooOften](err)
	return often || errors.Is(err, gateway.ErrBusy) || errors.Is(err, gateway.ErrFull) || errors.Is(err, gateway.ErrUnconfirmed) || errors.Is(err, gateway.ErrDown)
}

// later lets a correction wait again that could not be sent, unless a newer one waits.
func (c *Corrections) later(e *edits, one *correction, why error) bool {
	c.repeats.Warn(c.o.Log, "correction not sent; retrying", zap.String("stanza_id", one.stanza.ID), zap.Error(why))
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.waiting != nil {
		return false
	}
	e.waiting = one
	if !c.stopped {
		e.timer = time.AfterFunc(c.again, func() { c.onTime(e) })
	}
	return true
}

// forget forgets a message of which nothing waits and nothing is sent; c.mu is held.
func (c *Corrections) forget(e *edits) {
	all := c.edited[e.key.conversation]
	if e.waiting != nil || e.sending != nil || all[e.key.id] != e {
		return
	}
	delete(all, e.key.id)
	if len(all) == 0 {
		delete(c.edited, e.key.conversation)
	}
	c.count.Add(-1)
}

// drop drops what waits of a message, and waits for what is sent.
func (c *Corrections) drop(ctx context.Context, k key) {
	c.mu.Lock()
	e := c.edited[k.conversation][k.id]
	if e == nil {
		c.mu.Unlock()
		return
	}
	one, sending := e.waiting, e.sending
	e.waiting = nil
	if e.timer != nil {
		e.timer.Stop()
		e.timer = nil
	}
	c.forget(e)
	c.mu.Unlock()
	if one != nil {
		c.replaced(one)
	}
	if sending != nil {
		select {
		case <-sending:
		case <-ctx.Done():
		}
	}
}

// Before sends what waits in the conversation of a message with a text, which would be read as
// newer than that.
func (c *Corrections) Before(ctx context.Context, s *stanza.Stanza) {
	for _, e := range c.behind(s) {
		c.flush(ctx, e)
	}
}

// BeforeAnswer is Before for what an endpoint answers, whose event waits for it: so it takes no
// longer than answerWait, as while there is no connection.
func (c *Corrections) BeforeAnswer(s *stanza.Stanza) {
	all := c.behind(s)
	if len(all) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.answerWait)
	defer cancel()
	sent := make(chan struct{})
	c.mu.Lock()
	if c.stopped {
		c.mu.Unlock()
		return
	}
	c.running.Go(func() {
		defer close(sent)
		for _, e := range all {
			c.flush(c.ctx, e)
		}
	})
	c.mu.Unlock()
	select {
	case <-sent:
	case <-ctx.Done():
	}
}

// behind returns the messages with a correction that a message must not overtake.
func (c *Corrections) behind(s *stanza.Stanza) (all []*edits) {
	if c.count.Load() == 0 || s.Kind != stanza.Message || s.Type == "error" {
		return nil
	}
	if f := message.Read(s); !f.HasBody() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.edited[conversation{s.From.Bare(), s.To.Bare()}] {
		all = append(all, e)
	}
	return all
}

// replaced ends a correction in whose place another one is sent, or a retraction.
func (c *Corrections) replaced(one *correction) {
	c.Counters.Replaced.Add(1)
	c.remove(one.WaitingMessage)
	c.record(c.ctx, one, store.SentReplaced)
	c.mu.Lock()
	attends := one.attends
	one.attends = false
	c.mu.Unlock()
	if attends {
		one.result <- result{state: gateway.Replaced}
	}
}

func (c *Corrections) record(ctx context.Context, one *correction, state store.SentState) {
	s := one.stanza
	c.o.Record(ctx, store.SentMessage{ID: s.ID, From: s.From.String(), To: s.To.String(), State: state, Caller: one.Owner, Ref: one.Ref, Time: one.Time, Changed: time.Now().UTC(), Group: s.Type == "groupchat"})
}

func (c *Corrections) remove(m *store.WaitingMessage) {
	if err := c.o.Store.Remove(c.ctx, m); err != nil {
		c.repeats.Warn(c.o.Log, "correction not removed; it is sent again after a restart", zap.Error(err))
	}
}
