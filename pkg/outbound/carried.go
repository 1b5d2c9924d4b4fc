package outbound

import "net/netip"

// carried returns the address by which addr is judged: the embedded IPv4 address that
// receives its packets, else addr itself. If the position of the embedded address is
// unknown, addr decides, and others are the candidates; none of them may be an
// address that is always refused.
func carried(addr netip.Addr) (decides netip.Addr, others []netip.Addr) {
	if addr.Unmap().Is4() {
		return addr.Unmap(), nil // ::ffff:0:0/96 (RFC 4291, section 2.5.5.2)
	}
	b := addr.As16()
	at := func(i, j, k, l int) netip.Addr { return netip.AddrFrom4([4]byte{b[i], b[j], b[k], b[l]}) }
	last := at(12, 13, 14, 15)
	switch {
	case b[0] == 0x00 && b[1] == 0x64 && b[2] == 0xff && b[3] == 0x9b && zero(b[4:12]):
		return last, nil // 64:ff9b::/96, the translators' well-known prefix (RFC 6052)
	case b[0] == 0x00 && b[1] == 0x64 && b[2] == 0xff && b[3] == 0x9b && b[4] == 0 && b[5] == 1:
		// 64:ff9b:1::/48, for prefixes of local translators (RFC 8215). The
		// position of the IPv4 address depends on the length of the prefix (RFC
		// 6052, section 2.2).
		if zero(b[6:12]) {
			return last, nil
		}
		return addr, []netip.Addr{at(6, 7, 9, 10), at(7, 9, 10, 11), at(9, 10, 11, 12), last}
	case b[0] == 0x20 && b[1] == 0x02:
		return at(2, 3, 4, 5), nil // 2002::/16, 6to4 (RFC 3056)
	case b[0] == 0x20 && b[1] == 0x01 && zero(b[2:4]):
		// 2001::/32, Teredo: the relay, and the client with all bits
		// inverted (RFC 4380, section 4).
		client := netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]})
		return addr, []netip.Addr{at(4, 5, 6, 7), client}
	case isISATAP(addr):
		return addr, []netip.Addr{last}
	case zero(b[:12]) && addr != netip.IPv6Unspecified() && addr != netip.IPv6Loopback():
		return addr, []netip.Addr{last} // ::/96, IPv4-compatible, deprecated (RFC 4291, section 2.5.5.1)
	}
	return addr, nil
}

// isISATAP reports whether an address has the interface identifier of an ISATAP
// tunnel, ::0:5efe:a.b.c.d or ::200:5efe:a.b.c.d, after any prefix: a host with such
// an interface sends the packet to the IPv4 address (RFC 5214, section 6.1). It
// ignores the bits for local and group.
func isISATAP(addr netip.Addr) bool {
	if addr.Unmap().Is4() {
		return false
	}
	b := addr.As16()
	return b[8]&^3 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
