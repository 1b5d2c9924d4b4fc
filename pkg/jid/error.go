package jid

import (
	"strconv"
	"unicode/utf8"
)

const (
	partLocal    = "localpart"
	partDomain   = "domainpart"
	partResource = "resourcepart"
	partPattern  = "pattern"
)

// maxQuoted bounds the quoted part of a refused address, in octets.
const maxQuoted = 256

// Error says why an address, or a [Glob], was refused. Its text is like
//
//	jid "a b@x": localpart: contains a space
type Error struct {
	Part   string // "localpart", "domainpart", "resourcepart", or "pattern"
	Reason string // continues a sentence that begins with the part
	JID    string // the given text
}

// Error shortens an overlong JID.
func (e *Error) Error() string {
	return "jid " + quote(e.JID) + ": " + e.Part + ": " + e.Reason
}

func quote(s string) string {
	if len(s) <= maxQuoted {
		return strconv.Quote(s)
	}
	cut := maxQuoted
	for cut > maxQuoted-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strconv.Quote(s[:cut]) + "..."
}
