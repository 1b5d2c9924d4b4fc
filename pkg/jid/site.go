package jid

import (
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// Site returns the domain that somebody has registered to have this one: whoever has evil.example has
// a.evil.example and b.evil.example for nothing, so they count as one where strangers share
// something. What others are registered under, such as com, co.uk and dyndns.org, is that of the
// public suffix list (https://publicsuffix.org). It is a part of the address.
//
// Of an IPv4 address it is the address, and of an IPv6 address, of which anybody has as many, its
// first 64 bits.
func (j JID) Site() string { return siteOf(j.Domain()) }

func siteOf(domain string) string {
	last := domain[strings.LastIndexByte(domain, '.')+1:]
	switch {
	case strings.HasPrefix(domain, "["):
		if a, err := netip.ParseAddr(strings.Trim(domain, "[]")); err == nil && a.Is6() {
			return "[" + netip.PrefixFrom(a.WithZone(""), 64).Masked().Addr().String() + "]"
		}
		return domain
	case last != "" && strings.Trim(last, "0123456789") == "": // no domain of the DNS ends so
		return domain
	}
	labels := 1 + strings.Count(suffixOf(domain), ".")
	rest := domain
	for range labels + 1 {
		rest = rest[:max(0, strings.LastIndexByte(rest, '.'))]
	}
	return strings.TrimPrefix(domain[len(rest):], ".")
}

// suffixOf returns the part of a domain that others are registered under, too.
func suffixOf(domain string) string {
	suffix, _ := publicsuffix.PublicSuffix(ascii(domain))
	return suffix
}

// IsSuffix reports whether a domain is one under which anybody may have another, such as com or
// dyndns.org.
func IsSuffix(domain string) bool {
	domain = ascii(domain)
	suffix, listed := publicsuffix.PublicSuffix(domain)
	return suffix == domain && (listed || strings.Contains(domain, "."))
}

// ascii returns a domain as the list has it.
func ascii(domain string) string {
	for i := range len(domain) {
		if domain[i] >= 0x80 {
			if a, err := idna.Punycode.ToASCII(domain); err == nil {
				return a
			}
			return domain
		}
	}
	return domain
}

// Beside reports whether an address is at the server of a component, as far as the names tell: one
// domain is below the other, or both are below one that is not a suffix. The rooms of a server
// are so.
func (j JID) Beside(component JID) bool {
	domain, own := j.Domain(), component.Domain()
	if domain == own || below(domain, own) {
		return true
	}
	_, parent, _ := strings.Cut(own, ".")
	switch {
	case parent == "":
		return false
	case domain == parent:
		return true
	case below(domain, parent) && strings.Contains(parent, "."):
		return !IsSuffix(parent)
	}
	return below(own, domain) && !IsSuffix(domain)
}

func below(domain, above string) bool {
	n := len(domain) - len(above) - 1
	return n > 0 && above != "" && domain[n] == '.' && domain[n+1:] == above
}

// Party returns who an address counts as where all who write to a component share something: itself
// as a bare JID, if it is at the component's server (see [JID.Beside]), else its [JID.Site]: a
// stranger's server has as many users as it likes.
func (j JID) Party(component JID) string {
	if j.Beside(component) {
		return j.Bare().String()
	}
	return j.Site()
}
