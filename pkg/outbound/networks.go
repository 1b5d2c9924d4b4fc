package outbound

import (
	"errors"
	"fmt"
	"net/netip"
)

// network is a special range of addresses.
type network struct {
	prefix netip.Prefix
	why    string // the kind of its addresses
}

func lookUp(networks []network, addr netip.Addr) (why string, found bool) {
	for _, n := range networks {
		if n.prefix.Contains(addr) {
			return n.why, true
		}
	}
	return "", false
}

// neverReached returns the networks that are always refused: link-local addresses, and
// those where clouds serve metadata, and credentials with it.
func neverReached() []network {
	return networks([][2]string{
		{"169.254.0.0/16", "a link-local or cloud metadata address"},
		{"fe80::/10", "a link-local address"},
		{"168.63.129.16/32", "a cloud metadata address (Azure)"},
		{"100.100.100.200/32", "a cloud metadata address (Alibaba Cloud)"},
		{"192.0.0.192/32", "a cloud metadata address (Oracle Cloud)"},
		{"fd00:ec2::/32", "a cloud metadata address (AWS)"},
		{"fd20:ce::254/128", "a cloud metadata address (Google Cloud)"},
		{"fd00:c1::a9fe:a9fe/128", "a cloud metadata address (Oracle Cloud)"},
		{"fd00:42::42/128", "a cloud metadata address (Scaleway)"},
	})
}

// specialNetworks returns the networks that must be listed to be reached: those of the
// IANA registries of special-purpose addresses (RFC 6890), and multicast. The first
// match names the kind of an address.
func specialNetworks() []network {
	return networks([][2]string{
		{"0.0.0.0/8", "an address of this host (RFC 1122)"},
		{"10.0.0.0/8", "a private address (RFC 1918)"},
		{"100.64.0.0/10", "an address shared behind a provider's NAT (RFC 6598)"},
		{"127.0.0.0/8", "a loopback address"},
		{"172.16.0.0/12", "a private address (RFC 1918)"},
		{"192.0.0.0/24", "an address reserved for protocols (RFC 6890)"},
		{"192.0.2.0/24", "an address for documentation (RFC 5737)"},
		{"192.88.99.0/24", "an address of 6to4 relays (RFC 7526)"},
		{"192.168.0.0/16", "a private address (RFC 1918)"},
		{"198.18.0.0/15", "an address for benchmarks (RFC 2544)"},
		{"198.51.100.0/24", "an address for documentation (RFC 5737)"},
		{"203.0.113.0/24", "an address for documentation (RFC 5737)"},
		{"224.0.0.0/4", "a multicast address"},
		{"255.255.255.255/32", "the broadcast address"},
		{"240.0.0.0/4", "a reserved address (RFC 1112)"},

		{"::/128", "the unspecified address"},
		{"::1/128", "a loopback address"},
		{"64:ff9b:1::/48", "an address of a local NAT64 (RFC 8215)"},
		{"2001::/32", "an address of a Teredo tunnel (RFC 4380)"},
		{"2001::/23", "an address reserved for protocols (RFC 2928)"},
		{"2001:db8::/32", "an address for documentation (RFC 3849)"},
		{"2002::/16", "an address of a 6to4 tunnel (RFC 3056)"},
		{"3fff::/20", "an address for documentation (RFC 9637)"},
		{"fc00::/7", "a private address (RFC 4193)"},
		{"fec0::/10", "a site-local address (RFC 3879)"},
		{"ff00::/8", "a multicast address"},
		// Public addresses are in 2000::/3 (RFC 4291, section 4). These are the
		// other seven eighths.
		{"::/3", "not a public address"}, {"4000::/2", "not a public address"}, {"8000::/1", "not a public address"},
	})
}

func networks(table [][2]string) []network {
	all := make([]network, len(table))
	for i, row := range table {
		all[i] = network{netip.MustParsePrefix(row[0]), row[1]}
	}
	return all
}

// ParseNetwork reads an entry of a list of allowed networks: a prefix such as
// 10.0.0.0/8, or a single address (/32 or /128). It clears the bits after the prefix
// and converts IPv4-mapped prefixes to IPv4. A prefix that is always refused as a
// whole, or is judged by embedded IPv4 addresses, is an error. Errors continue a
// sentence that begins with the text.
func ParseNetwork(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			return netip.Prefix{}, errors.New("is neither a network nor an address; write for example 10.1.2.0/24 or 10.1.2.3")
		}
		p = netip.PrefixFrom(addr, addr.BitLen())
	}
	p = plain(p)
	for _, n := range neverReached() {
		if n.prefix.Overlaps(p) && n.prefix.Bits() <= p.Bits() {
			return netip.Prefix{}, fmt.Errorf("is %s, and those are always refused; remove it", n.why)
		}
	}
	if a := p.Addr(); a.Is6() {
		wellKnown, sixToFour := netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("2002::/16")
		if wellKnown.Contains(a) && p.Bits() >= 96 || sixToFour.Contains(a) && p.Bits() >= 16 {
			return netip.Prefix{}, errors.New("embeds IPv4 addresses, which decide; write the IPv4 network itself")
		}
	}
	return p, nil
}

// plain masks a prefix and converts an IPv4-mapped one to IPv4.
func plain(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked()
}
