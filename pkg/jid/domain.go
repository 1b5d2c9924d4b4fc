package jid

import (
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
)

// acePrefix begins an A-label (RFC 5890, section 2.3.2.1).
const acePrefix = "xn--"

// domainProfile converts names to U-labels. labelFault checks ASCII characters and
// hyphens, also for names that need no IDNA.
//
// COMPAT: UTS #46 also accepts symbols, as IDNA2003 and so RFC 6122 did.
var domainProfile = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.BidiRule(),
	idna.StrictDomainName(false),
	idna.CheckHyphens(false),
)

// domainpart normalises a domainpart (RFC 7622, section 3.2).
func domainpart(s string) (out, fault string) {
	if fault := textFault(s); fault != "" {
		return "", fault
	}
	if s[0] == '[' {
		return literal(s)
	}
	out = strings.ToLower(s)
	if !isASCII(s) || strings.Contains(out, acePrefix) {
		if out, fault = toUnicode(s); fault != "" {
			return "", fault
		}
	}
	out = strings.TrimSuffix(out, ".")
	// COMPAT: a label may have more than the 63 octets of RFC 1035. The DNS has no
	// such names, but servers may give them to components.
	for label := range strings.SplitSeq(out, ".") {
		if fault := labelFault(label); fault != "" {
			return "", fault
		}
	}
	return out, lengthFault(out)
}

// literal normalises an IP-literal. RFC 9844 removed the zones of RFC 6874.
func literal(s string) (out, fault string) {
	inner, closed := strings.CutSuffix(s[1:], "]")
	addr, err := netip.ParseAddr(inner)
	if !closed || err != nil || !addr.Is6() || addr.Zone() != "" {
		return "", "is not an IPv6 address in brackets"
	}
	return "[" + addr.String() + "]", ""
}

// toUnicode applies domainProfile, and checks that applying it again changes nothing:
// x/net/idna does not apply the bidi rule to a right-to-left character that results
// from the mapping (U+2135 becomes U+05D0), and a label may decode to one that is
// encoded itself.
func toUnicode(s string) (out, fault string) {
	out, err := domainProfile.ToUnicode(s)
	if err != nil {
		if r, ok := strings.CutPrefix(err.Error(), "idna: disallowed rune "); ok {
			return "", "contains " + r + ", which IDNA disallows"
		}
		return "", "is not a valid internationalised name"
	}
	if out == s {
		return out, ""
	}
	if again, err := domainProfile.ToUnicode(out); err != nil || again != out {
		return "", unstable
	}
	return out, ""
}

// labelFault returns what is wrong with a label. The label is in lower case and, if it
// is not ASCII, in the form of domainProfile.
func labelFault(l string) string {
	if l == "" {
		return "contains an empty label"
	}
	for _, r := range l {
		switch {
		case r == ' ':
			return "contains a space"
		// COMPAT: names in a local network have underscores.
		case r < 0x80 && normalASCII[r]&inDomain == 0,
			// Decomposed, these three are '=', '<' or '>' and a stroke.
			r == '≠', r == '≮', r == '≯':
			return fmt.Sprintf("contains %#U", r)
		case r == '\u034f':
			// Put there by the normalisation, which breaks long runs up.
			return "contains more than 30 combining marks in a row"
		}
	}
	if l[0] == '-' || l[len(l)-1] == '-' {
		return "has a label that begins or ends with a hyphen"
	}
	return ""
}
