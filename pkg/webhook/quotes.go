package webhook

import "strings"

// Texts behind which the words of an endpoint stand.
const (
	invalid   = "invalid reply"
	keyless   = "answered JSON without a key that makes a reply"
	leftOut   = "keys that are not known, left out of the reply"
	malformed = "malformed " // by the HTTP client, with what is malformed
)

// WithoutQuotes returns the reason of a [Verdict], or the text of its [Note], without
// what the endpoint has written: texts in quotes, keys, and what an invalid reply has in
// it. Status, media type and network errors stay.
func WithoutQuotes(text string) string {
	if at := strings.Index(text, keyless); at >= 0 {
		return text[:at+len(keyless)]
	}
	for _, before := range [...]string{invalid, leftOut} {
		if at := strings.Index(text, before); at >= 0 {
			return text[:at+len(before)]
		}
	}
	if at := strings.Index(text, malformed); at >= 0 {
		if end := strings.IndexAny(text[at:], `":`); end >= 0 {
			return strings.TrimRight(text[:at+end], " ")
		}
	}
	if at := strings.IndexByte(text, '"'); at >= 0 {
		return strings.TrimRight(text[:at], " (") + " …"
	}
	return text
}
