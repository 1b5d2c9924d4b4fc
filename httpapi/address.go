package httpapi

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ClientAddress returns the address that the request with this context came
// from, as far as it can be believed: what a trusted proxy has said of it, else
// the other end of the connection. It is not valid if that has no IP address.
func ClientAddress(ctx context.Context) netip.Addr { return requestOf(ctx).addr }

// clientAddress walks X-Forwarded-For from its end, where each proxy has written
// whom it was asked by, as long as those are trusted. What stands before the
// first that is not is anybody's word.
func (s *Server) clientAddress(r *http.Request) netip.Addr {
	addr := parseAddress(r.RemoteAddr)
	if !s.trusts(addr) {
		return addr
	}
	list := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, text := range slices.Backward(list) {
		before := parseAddress(strings.TrimSpace(text))
		if !before.IsValid() {
			break
		}
		if addr = before; !s.trusts(addr) {
			break
		}
	}
	return addr
}

func (s *Server) trusts(addr netip.Addr) bool {
	return slices.ContainsFunc(s.o.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// parseAddress reads an address with or without a port.
func parseAddress(text string) netip.Addr {
	if with, err := netip.ParseAddrPort(text); err == nil {
		return with.Addr().Unmap().WithZone("")
	}
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

// networkOf is whose address it is: the address itself or, as whoever has one IPv6
// address has all of its /64 (RFC 6177), that network.
func networkOf(a netip.Addr) netip.Prefix {
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // no address: no network
	return p
}

// network is the text of networkOf.
func network(a netip.Addr) string {
	if p := networkOf(a); a.Is6() {
		return p.String()
	}
	return a.String()
}

// ClientNetwork returns the network of [ClientAddress]: the address itself, or the
// /64 of an IPv6 address.
func ClientNetwork(ctx context.Context) string { return network(ClientAddress(ctx)) }
