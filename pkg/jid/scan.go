package jid

import "strings"

// The parts in normal form that may contain an ASCII character.
const (
	inLocal = 1 << iota
	inDomain
	inResource
)

// notInLocal is what RFC 7622, section 3.3.1, excludes from localparts.
const notInLocal = `"&'/:<>@`

// normalASCII has, for each character, the parts that may contain it.
var normalASCII = func() (table [256]uint8) {
	for c := byte(' '); c < 0x7f; c++ {
		table[c] = inResource
		if c != ' ' && (c < 'A' || c > 'Z') && strings.IndexByte(notInLocal, c) < 0 {
			table[c] |= inLocal
		}
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' {
			table[c] |= inDomain
		}
	}
	return table
}()

// scan recognises an ASCII address in normal form, in one pass and without
// allocations. If it returns false, normalize decides: it may change, accept or refuse
// the address.
func scan(s string) (JID, bool) {
	var (
		at    int    // where the domainpart begins
		label int    // where the current label begins
		fits  = true // whether all labels before it are valid
		parts = uint8(inLocal | inDomain)
		i     int
	)
	for ; i < len(s) && s[i] != '/'; i++ {
		switch c := s[i]; c {
		case '@':
			if at != 0 || i == 0 || i > maxPart || parts&inLocal == 0 {
				return JID{}, false
			}
			at, label, fits, parts = i+1, i+1, true, inDomain
		case '.':
			fits = fits && normalLabel(s[label:i])
			label = i + 1
		default:
			parts &= normalASCII[c]
		}
	}
	if parts&inDomain == 0 || i-at > maxPart || !fits || !normalLabel(s[label:i]) {
		return JID{}, false
	}
	if i == len(s) {
		return JID{s: s, at: uint32(at)}, true
	}
	slash := i + 1
	if len(s) == slash || len(s)-slash > maxPart {
		return JID{}, false
	}
	for i = slash; i < len(s); i++ {
		if normalASCII[s[i]]&inResource == 0 {
			return JID{}, false
		}
	}
	return JID{s, uint32(at), uint32(slash)}, true
}

// normalLabel reports whether a label of valid characters is valid as a whole.
func normalLabel(l string) bool {
	return l != "" && l[0] != '-' && l[len(l)-1] != '-' && !strings.HasPrefix(l, acePrefix)
}
