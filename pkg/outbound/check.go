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

// CheckHost checks the host of a URL (url.URL.Hostname) without DNS. It checks literal
// addresses. localhost and names below it (RFC 6761, section 6.3) pass if 127.0.0.1
// or ::1 does. Numbers that only some resolvers read as an address (127.1,
// 0x7f000001, 2130706433) are refused. Other names pass. Errors wrap [ErrRefused].
func (g *Guard) CheckHost(host string) error {
	host = strings.TrimSuffix(ascii(host), ".")
	if addr, err := netip.ParseAddr(host); err == nil {
		return g.Check(addr)
	}
	switch name := strings.ToLower(host); {
	case name == "":
		return refused("no host to connect to")
	case name == "localhost" || strings.HasSuffix(name, ".localhost"):
		if g.allows(netip.IPv6Loopback()) {
			return nil
		}
		return g.Check(netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	case endsInNumber(name):
		return refused(strconv.Quote(host) + " is a number in place of a name; write an address as four decimal numbers")
	}
	return nil
}

// CheckProxied checks a URL as the client of [NewClient] does before it sends a
// request to a proxy. It is unknown to which address of a name the proxy connects, so
// a name is refused if any of its addresses is. A name that cannot be resolved here
// passes, since in some networks only the proxy resolves names. The error wraps
// [ErrRefused], or is that of ctx.
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

// resolve returns the addresses of a name; none for a host that CheckHost decides.
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

// endsInNumber reports whether the last label of a host is a decimal or hexadecimal
// number. No name ends in one, but inet_aton, and with it some resolvers and proxies,
// read such texts as addresses (WHATWG URL, "ends in a number").
func endsInNumber(host string) bool {
	last := host[strings.LastIndex(host, ".")+1:]
	if digits, found := strings.CutPrefix(last, "0x"); found {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}

// ascii converts a host as net/http does before it connects: an internationalised
// name, or digits of other scripts, to ASCII (RFC 5891).
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
