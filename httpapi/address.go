package httpapi

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ClientAddress returns the address of the client of the request with this context: that
// from a trusted proxy, else the other end of the connection. It is invalid if that has
// no IP address.
func ClientAddress(ctx context.Context) netip.Addr { return requestOf(ctx).addr }

// clientAddress reads X-Forwarded-For from its end, where each proxy adds the address of
// its client, up to the first address that is not a trusted proxy: anybody could have
// written what is before that.
func (h *Handler) clientAddress(r *http.Request) netip.Addr {
	if h.o.Forwarded != nil {
		if addr := h.o.Forwarded(r); addr.IsValid() {
			return addr
		}
	}
	addr := parseAddress(r.RemoteAddr)
	if !h.trusts(addr) {
		return addr
	}
	list := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, text := range slices.Backward(list) {
		before := parseAddress(strings.TrimSpace(text))
		if !before.IsValid() {
			break
		}
		if addr = before; !h.trusts(addr) {
			break
		}
	}
	return addr
}

func (h *Handler) trusts(addr netip.Addr) bool {
	return slices.ContainsFunc(h.o.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// parseAddress parses an address with or without a port.
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

// networkOf returns the network of one client: the address itself, or the /64 of an IPv6
// address (RFC 6177).
func networkOf(a netip.Addr) netip.Prefix {
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // no address: no network
	return p
}

// network returns the text of networkOf.
func network(a netip.Addr) string {
	if p := networkOf(a); a.Is6() {
		return p.String()
	}
	return a.String()
}

// ClientNetwork returns the network of [ClientAddress]: the address itself, or the
// /64 of an IPv6 address.
func ClientNetwork(ctx context.Context) string { return network(ClientAddress(ctx)) }
