package jid

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/bidirule"
	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"
)

// localProfile is UsernameCaseMapped (RFC 8265, section 3.3) on the FreeformClass. Both
// classes map alike, so this profile gives the same result for every localpart that
// the RFC's profile accepts.
//
// COMPAT: RFC 7622 demands the IdentifierClass, which has no symbols. Servers
// of the RFC 6122 (stringprep) era, Prosody and ejabberd among them, accept
// symbols such as U+2665 in localparts, and such accounts must be reachable.
//
// The function localpart does two more checks: it refuses spaces, which the
// FreeformClass allows, and it applies the bidi rule only to text with right-to-left
// characters, as RFC 8265 demands; precis.BidiRule would refuse "1é".
var localProfile = precis.NewFreeform(
	precis.FoldWidth,
	precis.LowerCase(),
	precis.Norm(norm.NFC),
)

const unstable = "has no stable normal form"

// localpart normalises a localpart (RFC 7622, section 3.3). fault says why it cannot,
// or is "".
func localpart(s string) (out, fault string) {
	if fault := textFault(s); fault != "" {
		return "", fault
	}
	if isASCII(s) {
		out = strings.ToLower(s)
	} else if out, fault = enforce(localProfile, s); fault != "" {
		return "", fault
	}
	for _, r := range out {
		if unicode.Is(unicode.Zs, r) {
			return "", "contains a space"
		}
		if r < utf8.RuneSelf && strings.ContainsRune(notInLocal, r) {
			return "", fmt.Sprintf("contains %#U", r)
		}
	}
	if bidirule.DirectionString(out) == bidi.RightToLeft && !bidirule.ValidString(out) {
		return "", "breaks the bidi rule of RFC 5893"
	}
	return out, lengthFault(out)
}

// resourcepart normalises a resourcepart (RFC 7622, section 3.4).
func resourcepart(s string) (out, fault string) {
	if fault := textFault(s); fault != "" {
		return "", fault
	}
	out = s // OpaqueString changes no ASCII
	if !isASCII(s) {
		if out, fault = enforce(precis.OpaqueString, s); fault != "" {
			return "", fault
		}
	}
	return out, lengthFault(out)
}

// enforce applies a PRECIS profile, and checks that applying it again changes nothing.
func enforce(p *precis.Profile, s string) (out, fault string) {
	out, err := p.String(s)
	if err != nil {
		return "", precisFault(p, s)
	}
	if out == s {
		return out, ""
	}
	if again, err := p.String(out); err != nil || again != out {
		return "", unstable
	}
	return out, ""
}

// precisFault says why p refuses s, which the errors of p do not.
func precisFault(p *precis.Profile, s string) string {
	allowed := p.Allowed()
	for _, r := range s {
		if !allowed.Contains(r) {
			return fmt.Sprintf("contains %U, which PRECIS disallows here", r)
		}
	}
	return "contains a character that PRECIS disallows where it stands"
}

// textFault does the checks for all parts, before any mapping.
func textFault(s string) string {
	if s == "" {
		return "is empty"
	}
	// Mapping does not shorten text to less than a quarter, except for characters
	// that IDNA ignores; the bound limits the work.
	if len(s) > 4*maxPart {
		return tooLong
	}
	if !utf8.ValidString(s) {
		return "is not valid UTF-8"
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return fmt.Sprintf("contains the control character %U", r)
		}
		if r == 0xfffe || r == 0xffff {
			return fmt.Sprintf("contains %U, which XML forbids", r)
		}
	}
	return ""
}

const tooLong = "is longer than 1023 octets"

// lengthFault checks the length of a normalised part.
func lengthFault(s string) string {
	switch {
	case s == "":
		return "is empty"
	case len(s) > maxPart:
		return tooLong
	}
	return ""
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
