package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"stanzahook/pkg/gateway"
)

// stall makes what is unanswered be published again, in a while. err says why; nil: one
// before it is missing. f.mu is held.
func (f *flow) stall(err error) {
	if err != nil {
		f.trouble = err
		if f.warn != nil {
			f.warn(err)
		}
	}
	if f.stalled {
		return
	}
	f.stalled = true
	f.pause = min(max(2*f.pause, firstPause), answerWithin)
	f.again = time.Now().Add(f.pause)
}

// reconnected makes all that is unanswered be published again: answers were lost.
func (f *flow) reconnected() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open > 0 {
		f.stalled, f.again = true, time.Now()
	}
}

// arm makes look be called while appends are under way. f.mu is held.
func (f *flow) arm() {
	if !f.armed && f.head < f.tail {
		f.armed = true
		time.AfterFunc(flowTick, f.look)
	}
}

// look publishes again what was refused, or is not answered for too long.
func (f *flow) look() {
	f.mu.Lock()
	now := time.Now()
	silent := !f.stalled && now.Sub(f.since) >= answerWithin
	if silent {
		f.doubt = time.Time{}
	}
	late := f.open > 0 && !f.dead && !f.closed && (silent || f.stalled && !now.Before(f.again))
	f.mu.Unlock()
	if late {
		f.repeat()
	}
	f.mu.Lock()
	f.armed = false
	f.arm()
	f.mu.Unlock()
}

// repeat publishes again what is unanswered, in order.
func (f *flow) repeat() {
	type numbered struct {
		n uint64
		p parcel
	}
	f.sending.Lock()
	defer f.sending.Unlock()
	f.mu.Lock()
	var list []numbered
	for n := f.head; n < f.tail; n++ {
		if p := &f.list[n%inFlight]; !p.answered && !p.checking {
			p.tries++
			list = append(list, numbered{n, *p})
		}
	}
	f.stalled, f.since = false, time.Now()
	f.mu.Unlock()
	for i := range list {
		if err := f.publish(&list[i].p, list[i].n); err != nil {
			f.mu.Lock()
			f.stall(err)
			f.mu.Unlock()
			return
		}
		f.republished.Add(1)
	}
}

// check looks whether an append that was refused is stored all the same: its answer was
// lost. f.mu is held.
func (f *flow) check(n uint64, p *parcel) {
	if p.checking {
		return
	}
	p.checking = true
	question := ask{Seq: p.place, Subject: f.token + ".>"} // it or the next one
	if p.place == 0 {
		question = ask{LastFor: p.Subject}
	}
	subject, data, place := p.Subject, p.Data, p.place
	go func() {
		f.checks <- struct{}{}
		ctx, cancel := context.WithTimeout(context.Background(), apiTimeout)
		r, err := f.read(ctx, f.name, question)
		cancel()
		<-f.checks
		f.mu.Lock()
		defer f.mu.Unlock()
		p := f.at(n)
		if p == nil {
			return
		}
		p.checking = false
		mine := err == nil && (place == 0 || r.Seq == place) && r.Subject == subject && bytes.Equal(r.Data, data)
		switch {
		case mine:
			f.settle(p, r.Seq, nil)
		case err == nil && place == 0:
			f.settle(p, 0, gateway.ErrChanged)
		case err == nil:
			f.end(fmt.Sprintf("another process writes into stream %s: it has taken place %d", f.name, place))
		case errors.Is(err, gateway.ErrNotFound) && place > 0 && f.isFirst(n) && f.doubts():
			f.end(fmt.Sprintf("place %d of stream %s is empty: another process has taken it, or a record is lost", place, f.name))
		case errors.Is(err, gateway.ErrNotFound): // it is under way
			f.stall(nil)
		default: // no leader answers
			f.stall(err)
		}
	}()
}

// isFirst reports whether an append is the first one that is not answered.
func (f *flow) isFirst(n uint64) bool { return n == f.head }

// doubts reports whether it has been doubtful for too long that the first append fits.
func (f *flow) doubts() bool {
	if f.doubt.IsZero() {
		f.doubt = time.Now()
	}
	return time.Since(f.doubt) > doubtFor
}
