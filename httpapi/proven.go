package httpapi

import (
	"context"
	"net/netip"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Bounds of what is known of callers that only their bodies prove, see Admission.Unproven.
const (
	provenCallers  = 10_000
	provenNetworks = 256 // of one caller
	// unprovenPart: those that nobody knows yet may have this part of what their caller may have,
	// and of what the group may have; one network may have this part of that.
	unprovenPart = 2
)

// proven knows the networks from which a caller has come that a body has proved. Anybody can
// send bodies in its name; those from elsewhere have only a part of its share, so that there is
// room for the ones that are most likely right. Only a right one adds a network.
//
// Killed: all begin as unknown, with their part, and the next right body is known.
type proven struct {
	mu sync.Mutex
	by *simplelru.LRU[string, *simplelru.LRU[netip.Prefix, struct{}]]
}

func newProven() *proven {
	by, _ := simplelru.NewLRU[string, *simplelru.LRU[netip.Prefix, struct{}]](provenCallers, nil) // fails only for size 0
	return &proven{by: by}
}

func (p *proven) has(caller string, network netip.Prefix) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	networks, ok := p.by.Peek(caller)
	return ok && networks.Contains(network)
}

func (p *proven) add(caller string, network netip.Prefix) {
	p.mu.Lock()
	defer p.mu.Unlock()
	networks, ok := p.by.Get(caller)
	if !ok {
		networks, _ = simplelru.NewLRU[netip.Prefix, struct{}](provenNetworks, nil)
		p.by.Add(caller, networks)
	}
	networks.Add(network, struct{}{})
}

// Prove says that the body of a request has shown that its caller is who Mount.Admit took it
// for. Later ones from its network have the whole share of the caller.
func Prove(ctx context.Context) {
	if q := requestOf(ctx); q.entry != nil && q.entry.Unproven {
		q.live.proven.add(q.who.Name, networkOf(q.addr))
	}
}
