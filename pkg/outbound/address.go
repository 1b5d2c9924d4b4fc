package outbound

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Address is the target of requests: an http or https URL, or a Unix socket. Its path
// and query may have placeholders for the values of a request, which are escaped. It
// is immutable; goroutines may share it.
type Address struct {
	scheme string // http or https
	host   string // as in the Host field: in ASCII
	socket string // path of the socket; empty: none
	path   [][]piece
	query  []piece
	asked  bool // has a query, perhaps an empty one
	holes  bool
}

// piece is a placeholder, or text in the form in which it is sent.
type piece struct {
	text string
	hole bool
}

// SegmentError means that the values of a request make a path segment "." or "..",
// which leads to another path even if it is escaped (RFC 3986 section 5.2.4).
type SegmentError struct {
	Segment string // in the form in which it would be sent
}

// Error names the segment.
func (e *SegmentError) Error() string {
	return fmt.Sprintf("the path would have %q as a segment, and so lead to another path than the configured one", e.Segment)
}

// HasPlaceholders reports whether the URL depends on the request.
func (a *Address) HasPlaceholders() bool { return a.holes }

// Scheme returns http or https; http for a socket.
func (a *Address) Scheme() string { return a.scheme }

// Host returns the host in ASCII, with the port if there is one; localhost for a
// socket.
func (a *Address) Host() string { return a.host }

// Socket returns the path of the socket; empty for a URL.
func (a *Address) Socket() string { return a.socket }

// URL returns the URL of a request, for net/http. value returns the value of a
// placeholder. The error is a [*SegmentError]. For a socket, set
// [ClientOptions.Socket] too.
func (a *Address) URL(value func(placeholder string) string) (*url.URL, error) {
	raw, err := a.appendPath(nil, value)
	if err != nil {
		return nil, err
	}
	path, err := url.PathUnescape(string(raw)) // appendEscaped and ParseAddress leave only valid escapes
	if err != nil {
		return nil, err
	}
	u := &url.URL{Scheme: a.scheme, Host: a.host, Path: path, RawPath: string(raw), ForceQuery: a.asked}
	u.RawQuery = string(fill(nil, a.query, value))
	return u, nil
}

// Base returns the URL without path and query.
func (a *Address) Base() *url.URL { return &url.URL{Scheme: a.scheme, Host: a.host, Path: "/"} }

// AppendTarget appends path and query for the request line. value and the error are
// as in [Address.URL].
func (a *Address) AppendTarget(b []byte, value func(placeholder string) string) ([]byte, error) {
	b, err := a.appendPath(b, value)
	if err != nil {
		return nil, err
	}
	if a.asked {
		b = fill(append(b, '?'), a.query, value)
	}
	return b, nil
}

func (a *Address) appendPath(b []byte, value func(string) string) ([]byte, error) {
	for _, segment := range a.path {
		b = append(b, '/')
		begin := len(b)
		b = fill(b, segment, value)
		if slices.ContainsFunc(segment, func(p piece) bool { return p.hole }) && isDots(b[begin:]) {
			return nil, &SegmentError{string(b[begin:])}
		}
	}
	return b, nil
}

func fill(b []byte, pieces []piece, value func(string) string) []byte {
	for _, p := range pieces {
		if p.hole {
			b = appendEscaped(b, value(p.text))
		} else {
			b = append(b, p.text...)
		}
	}
	return b
}

// isDots reports whether a segment is "." or "..", escaped or not.
func isDots(segment []byte) bool {
	n := 0
	for len(segment) > 0 {
		switch {
		case segment[0] == '.':
			segment = segment[1:]
		case len(segment) >= 3 && segment[0] == '%' && segment[1] == '2' && segment[2]|' ' == 'e':
			segment = segment[3:]
		default:
			return false
		}
		n++
	}
	return n == 1 || n == 2
}

const upperHex = "0123456789ABCDEF"

// appendEscaped appends a value so that it cannot end its segment or parameter: it
// encodes all but the unreserved characters of RFC 3986 section 2.3.
func appendEscaped(b []byte, value string) []byte {
	for i := range len(value) {
		if c := value[i]; isUnreserved(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return b
}

// appendFixed appends a part of a configured path or query. It keeps escapes and
// characters that RFC 3986 allows, and encodes all other bytes.
func appendFixed(b []byte, text string, query bool) []byte {
	for i := range len(text) {
		c := text[i]
		if isUnreserved(c) || strings.IndexByte("%:@!$&'()*+,;=[]/", c) >= 0 || query && c == '?' {
			b = append(b, c)
		} else {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return b
}

func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}
