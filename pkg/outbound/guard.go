package outbound

import (
	"errors"
	"fmt"
	"net/netip"
)

// ErrRefused is wrapped by every refusal of a guard. Network errors never wrap it. A
// retry does not help.
var ErrRefused = errors.New("outbound request refused")

// Refusal says which address is refused and why. It wraps [ErrRefused].
type Refusal struct {
	Addr   netip.Addr // the refused address
	Judged netip.Addr // its embedded IPv4 address, if any; else Addr
	Why    string     // its kind, such as "a private address (RFC 1918)"
	Always bool       // no configuration allows it
	Key    string     // of the configuration that would allow it
}

// Error names the address, the reason and what to do.
func (r *Refusal) Error() string {
	subject := r.Addr.String()
	if r.Judged != r.Addr {
		subject += " (which leads to " + r.Judged.String() + ")"
	}
	if r.Always {
		return fmt.Sprintf("%s is %s, and those are always refused", subject, r.Why)
	}
	return fmt.Sprintf("%s is %s; if it is meant, add %v to %s",
		subject, r.Why, netip.PrefixFrom(r.Judged, r.Judged.BitLen()), r.Key)
}

// Unwrap returns [ErrRefused].
func (r *Refusal) Unwrap() error { return ErrRefused }

// refused is a refusal of something other than an address.
type refused string

func (r refused) Error() string { return string(r) }
func (r refused) Unwrap() error { return ErrRefused }

// Guard decides which addresses may be reached. It is immutable; goroutines
// may share it. [NewGuard] makes it.
type Guard struct {
	allowed []netip.Prefix
	also    []netip.Prefix // loopback addresses, too
	strict  bool           // allowed allows no loopback addresses
	key     string
	never   []network
	special []network
}

// NewGuard returns a guard that allows public addresses and those in allowed, which
// [ParseNetwork] reads. Addresses that are always refused stay refused.
func NewGuard(allowed []netip.Prefix) *Guard {
	g := &Guard{never: neverReached(), special: specialNetworks(), key: "outbound.allow_networks"}
	for _, p := range allowed {
		g.allowed = append(g.allowed, plain(p))
	}
	return g
}

// And returns a guard that allows some networks more, which the named key of the
// configuration lists.
func (g *Guard) And(more []netip.Prefix, key string) *Guard {
	other := *g
	other.also, other.key = nil, key
	for _, p := range more {
		other.also = append(other.also, plain(p))
	}
	return &other
}

// Strict returns a guard for addresses that others choose: it allows loopback addresses only
// if [Guard.And] lists them.
func (g *Guard) Strict() *Guard {
	other := *g
	other.strict = true
	return &other
}

// Check returns nil if the address may be reached, else a [*Refusal]. It ignores the
// zone of a link-local address.
func (g *Guard) Check(addr netip.Addr) error {
	addr = addr.WithZone("")
	if !addr.IsValid() {
		return refused("not an IP address")
	}
	judged, others := carried(addr)
	for _, a := range append(others, addr, judged) {
		if why, found := lookUp(g.never, a); found {
			return &Refusal{Addr: addr, Judged: a, Why: why, Always: true}
		}
	}
	for _, p := range g.allowed {
		if p.Contains(judged) && !(g.strict && judged.IsLoopback()) {
			return nil
		}
	}
	for _, p := range g.also {
		if p.Contains(judged) {
			return nil
		}
	}
	if why, found := lookUp(g.special, judged); found {
		return &Refusal{Addr: addr, Judged: judged, Why: why, Key: g.key}
	}
	if isISATAP(judged) {
		return &Refusal{Addr: addr, Judged: judged, Why: "an address of an ISATAP tunnel (RFC 5214)", Key: g.key}
	}
	return nil
}

// allows reports whether the address may be reached.
func (g *Guard) allows(addr netip.Addr) bool { return g.Check(addr) == nil }
