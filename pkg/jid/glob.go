package jid

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
)

// Glob is a pattern for bare JIDs. '*' matches any number of characters, including
// none and including '@'; '?' matches one character. There is no escape: '*' and '?'
// in a JID match like any other character.
//
//	juliet@example.com   this address
//	*@example.com        every address with a localpart at example.com
//	example.com          example.com itself and every address at it
//	*.example.com        every subdomain of it and every address at one
//	*                    everything
//
// A pattern with neither a wildcard nor an '@' is a domain, the third form. Since '*'
// matches any text, "admin*" matches admin@example.com and also
// administrator@example.net, and "*example.com" matches badexample.com.
//
// The zero Glob matches nothing.
type Glob struct {
	text   string
	segs   []string // the folded pattern, cut at each '*'
	domain bool     // match the domainpart alone
}

// ParseGlob reads a pattern. A pattern without wildcards is normalised like an
// address. The text of one with wildcards, which is not a whole address, is mapped in
// width and case and converted to NFC like a localpart, and its labels that begin
// with "xn--" and have no wildcard become U-labels. The error is an [*Error].
func ParseGlob(s string) (Glob, error) {
	g := Glob{text: s}
	var folded string
	if strings.ContainsAny(s, "*?") {
		var fault string
		if folded, fault = foldPattern(s); fault != "" {
			return Glob{}, &Error{Part: partPattern, Reason: fault, JID: s}
		}
	} else {
		j, err := Parse(s)
		if err != nil {
			return Glob{}, err
		}
		if j.IsFull() {
			return Glob{}, &Error{Part: partPattern, Reason: hasResource, JID: s}
		}
		folded, g.domain = j.s, j.IsDomain()
	}
	// Match lowers the JID in the same way. IDNA maps a few letters (Cherokee) to
	// upper case.
	g.segs = strings.Split(strings.ToLower(folded), "*")
	return g, nil
}

const (
	hasResource = "names a resource"
	longPattern = "is longer than a bare JID"
)

// foldPattern converts a pattern with wildcards to the form of normalised JIDs.
func foldPattern(s string) (out, fault string) {
	if len(s) > 4*maxPart {
		return "", longPattern
	}
	if fault := textFault(s); fault != "" {
		return "", fault
	}
	lower := cases.Lower(language.Und, cases.HandleFinalSigma(false))
	out = norm.NFC.String(lower.String(width.Fold.String(s)))
	for _, r := range out {
		if unicode.IsSpace(r) {
			return "", "contains a space"
		}
	}
	if strings.Contains(out, "/") {
		return "", hasResource
	}
	local, domain, found := strings.Cut(out, "@")
	switch {
	case !found:
		local, domain = "", out
	case local == "" || domain == "":
		return "", "has nothing before or after the '@'"
	case strings.Contains(domain, "@"):
		return "", fmt.Sprintf("contains %#U twice", '@')
	}
	labels := strings.Split(strings.ReplaceAll(domain, "。", "."), ".")
	for i, l := range labels {
		if strings.HasPrefix(l, acePrefix) && !strings.ContainsAny(l, "*?") {
			if labels[i], fault = domainpart(l); fault != "" {
				return "", fault
			}
		}
	}
	if n := len(labels); n > 1 && labels[n-1] == "" {
		labels = labels[:n-1]
	}
	domain = strings.Join(labels, ".")
	if found {
		domain = local + "@" + domain
	}
	if len(domain) > 2*maxPart+len("@") {
		return "", longPattern
	}
	return domain, ""
}

// String returns the text given to ParseGlob.
func (g Glob) String() string { return g.text }

// Key returns what all addresses that the pattern matches have in common, in lower case:
// the one bare address, the one domain, or of a pattern with wildcards in its domainpart
// the localpart with its '@'. It reports false for other patterns.
func (g Glob) Key() (s string, ok bool) {
	if len(g.segs) == 0 {
		return "", false
	}
	first, at := g.segs[0], strings.IndexByte(g.segs[0], '@')
	if len(g.segs) > 1 || strings.Contains(first, "?") {
		first = first[:at+1]
	}
	return first, first != "" && !strings.Contains(first, "?")
}

// Match reports whether the pattern matches bare; it ignores a resourcepart. It ignores
// case, also in a JID that FromServer could not normalise. No pattern matches the
// zero JID.
//
// Match does not backtrack over a '*': its time is linear in the length of the JID,
// and at worst proportional to the length of the pattern.
func (g Glob) Match(bare JID) bool {
	s := bare.Bare().s
	if g.domain {
		s = bare.Domain()
	}
	if s == "" || len(g.segs) == 0 {
		return false
	}
	return matchSegments(g.segs, strings.ToLower(s)) // ToLower allocates only to change
}

// matchSegments reports whether s consists of the segments in order, with any text
// between them. It always takes the leftmost match of a segment, which leaves the
// most text for the next ones.
func matchSegments(segs []string, s string) bool {
	last := len(segs) - 1
	n, ok := prefix(segs[0], s)
	if !ok || last == 0 {
		return ok && n == len(s)
	}
	s = s[n:]
	for _, seg := range segs[1:last] {
		end := find(seg, s)
		if end < 0 {
			return false
		}
		s = s[end:]
	}
	return suffix(segs[last], s)
}

// prefix matches seg at the start of s; n is the length of the match.
func prefix(seg, s string) (n int, ok bool) {
	for _, want := range seg {
		r, size := utf8.DecodeRuneInString(s[n:])
		if size == 0 || want != r && want != '?' {
			return 0, false
		}
		n += size
	}
	return n, true
}

// find returns the end of the leftmost match of seg in s, or -1.
func find(seg, s string) int {
	if !strings.Contains(seg, "?") {
		i := strings.Index(s, seg)
		if i < 0 {
			return -1
		}
		return i + len(seg)
	}
	for i := range s {
		if n, ok := prefix(seg, s[i:]); ok {
			return i + n
		}
	}
	return -1
}

// suffix matches seg at the end of s.
func suffix(seg, s string) bool {
	start := len(s)
	for range utf8.RuneCountInString(seg) {
		_, size := utf8.DecodeLastRuneInString(s[:start])
		if size == 0 {
			return false
		}
		start -= size
	}
	_, ok := prefix(seg, s[start:])
	return ok
}
