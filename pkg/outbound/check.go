package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// CheckHost gives the verdict on the host of a URL (url.URL.Hostname) as far as
// no DNS is needed for it: on literal addresses, on localhost and names below
// it (RFC 6761, section 6.3), which are 127.0.0.1 and ::1 and pass if one of
// these does, and on numbers that only some resolvers take for an address
// (127.1, 0x7f000001, 2130706433), which are refused. For other names it
// returns nil. Errors wrap [ErrRefused].
func (g *Guard) CheckHost(host string) error {
	host = strings.TrimSuffix(ascii(host), ".")
	if addr, err := netip.ParseAddr(host); err == nil {
		return g.Check(addr)
	}
	switch name := strings.ToLower(host); {
	case name == "":
		return refused("no host to connect to")
	case name == "localhost" || strings.HasSuffix(name, ".localhost"):
		return g.checkAny([]netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()})
	case endsInNumber(name):
		return refused(strconv.Quote(host) + " is a number in place of a name; write an address as four decimal numbers")
	}
	return nil
}

// CheckURL gives the verdict on a URL that the dialer of [NewClient] would
// give, without connecting: a literal address is checked as it is, without DNS;
// a name is resolved, and refused if none of its addresses may be reached (the
// dialer passes over those that may not). A nil resolver is
// net.DefaultResolver. The error wraps [ErrRefused], or is that of the
// resolver. For a client with a proxy there is [Guard.CheckProxied].
func (g *Guard) CheckURL(ctx context.Context, resolver *net.Resolver, u *url.URL) error {
	addrs, err := g.resolve(ctx, resolver, u)
	if err != nil || len(addrs) == 0 {
		return err
	}
	if err := g.checkAny(addrs); err != nil {
		return fmt.Errorf("%s: %w", strconv.Quote(u.Hostname()), err)
	}
	return nil
}

// CheckProxied gives the verdict on a URL that the client of [NewClient] would
// give before it hands a request to a proxy. Which of a name's addresses the
// proxy connects to is unknown, so a name is refused if any of them is; one
// that is not found here passes, as some networks leave names to the proxy.
// The error wraps [ErrRefused], or is that of ctx.
func (g *Guard) CheckProxied(ctx context.Context, resolver *net.Resolver, u *url.URL) error {
	addrs, err := g.resolve(ctx, resolver, u)
	if _, isDNS := errors.AsType[*net.DNSError](err); isDNS && ctx.Err() == nil {
		return nil
	}
	if err != nil {
		return err
	}
	for _, addr := range addrs {
		if err := g.Check(addr); err != nil {
			return fmt.Errorf("%s: %w", strconv.Quote(u.Hostname()), err)
		}
	}
	return nil
}

// resolve returns the addresses of a name, and none for what CheckHost decides.
func (g *Guard) resolve(ctx context.Context, resolver *net.Resolver, u *url.URL) ([]netip.Addr, error) {
	host := ascii(u.Hostname())
	if err := g.CheckHost(host); err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(strings.TrimSuffix(host, ".")); err == nil {
		return nil, nil
	}
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	addrs, err := resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("resolve the host: %w", err)
	}
	return addrs, nil
}

// checkAny returns nil if one of the addresses may be reached, else the
// refusal of the first.
func (g *Guard) checkAny(addrs []netip.Addr) error {
	for _, addr := range addrs {
		if g.allows(addr) {
			return nil
		}
	}
	return g.Check(addrs[0])
}

// endsInNumber reports whether the last label of a host is a number, decimal
// or hexadecimal. No name ends in one, but inet_aton, and so some resolvers and
// proxies, read addresses from such texts (WHATWG URL, "ends in a number").
func endsInNumber(host string) bool {
	last := host[strings.LastIndex(host, ".")+1:]
	if digits, found := strings.CutPrefix(last, "0x"); found {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}

// ascii writes a host as net/http does before it connects: an internationalised
// name, or digits of other scripts, in ASCII (RFC 5891).
func ascii(host string) string {
	for i := range len(host) {
		if host[i] >= 0x80 {
			if mapped, err := idna.Lookup.ToASCII(host); err == nil {
				return mapped
			}
			break
		}
	}
	return host
}
