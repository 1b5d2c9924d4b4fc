package postmsg

import (
	"context"
	"sync"

	"stanzahook/pkg/gateway"
)

const (
	maxLogins  = 32 // at the same time
	maxWaiting = 64 // for one of them to end
	// maxOfNetwork bounds those of one address, in progress and waiting.
	maxOfNetwork = (maxLogins + maxWaiting) / 4
)

// Logins bounds the logins in progress and those that wait, of all and of one address.
// They take no slots of requests: a server that does not answer logins stops only those
// that log in. The zero Logins is ready to use; the APIs of two configurations share one.
type Logins struct {
	slots chan struct{}

	mu      sync.Mutex
	taken   int            // in progress and waiting
	of      map[string]int // by network
	refused int64
}

// LoginCounts is the use of the places.
type LoginCounts struct {
	UnderWay, Waiting, Most, MostWaiting int
	Refused                              int64 // logins without a place
}

// Counts returns the current use of the places.
func (p *Logins) Counts() LoginCounts {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.slots)
	return LoginCounts{n, max(0, p.taken-n), maxLogins, maxWaiting, p.refused}
}

// take waits for a place. It returns gateway.ErrBusy when there is none.
func (p *Logins) take(ctx context.Context, network string) (release func(), err error) {
	p.mu.Lock()
	if p.slots == nil {
		p.slots, p.of = make(chan struct{}, maxLogins), make(map[string]int)
	}
	if p.taken >= maxLogins+maxWaiting || p.of[network] >= maxOfNetwork {
		p.refused++
		p.mu.Unlock()
		return nil, gateway.ErrBusy
	}
	p.taken++
	p.of[network]++
	slots := p.slots
	p.mu.Unlock()
	leave := func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.taken--
		if p.of[network]--; p.of[network] == 0 {
			delete(p.of, network)
		}
	}
	select {
	case slots <- struct{}{}:
		return func() {
			<-slots
			leave()
		}, nil
	case <-ctx.Done():
		leave()
		return nil, context.Cause(ctx)
	}
}
