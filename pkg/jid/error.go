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

// maxQuoted is how many octets of a refused address an error text repeats.
const maxQuoted = 256

// Error says why an address, or a [Glob], was refused. Its text is like
//
//	jid "a b@x": localpart: contains a space
type Error struct {
	Part   string // "localpart", "domainpart", "resourcepart", or "pattern"
	Reason string // what is wrong with the part, to be read after its name
	JID    string // the text as it was given
}

// Error shortens a JID far too long to be one.
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
