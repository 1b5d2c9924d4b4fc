package outbound

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net/http"
	"strings"
)

// What a URL with the wrong one of http and https leads to.
var (
	ErrWantsTLS   = errors.New("the port speaks TLS; write https:// in the URL")
	ErrSpeaksHTTP = errors.New("the port speaks HTTP without TLS; write http:// in the URL")
)

// Explain returns [ErrWantsTLS] for an error that a TLS alert (RFC 8446 section 6)
// in the place of an answer leads to, [ErrSpeaksHTTP] for one that an answer of
// HTTP in the place of a TLS handshake leads to, and every other error as it is.
func Explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, http.ErrSchemeMismatch):
		return ErrSpeaksHTTP
	case strings.Contains(err.Error(), `malformed HTTP response "\x15\x03`):
		return ErrWantsTLS
	}
	if record, ok := errors.AsType[tls.RecordHeaderError](err); ok && startsHTTP(record.RecordHeader[:]) {
		return ErrSpeaksHTTP
	}
	return err
}

// startsHTTP reports whether an answer starts as one of HTTP. To what they cannot
// read, some servers answer as HTTP/0.9 has it: with a page alone.
func startsHTTP(b []byte) bool {
	for _, start := range []string{"HTTP/", "<!DOC", "<html"} {
		if strings.EqualFold(string(b), start) {
			return true
		}
	}
	return false
}

// WantsTLS reports whether an answer is that of a server which got a request in the
// clear on a port for TLS, by what Go, nginx and Apache write then.
func WantsTLS(status int, body []byte) bool {
	if status != 400 {
		return false
	}
	for _, text := range []string{"HTTP request to an HTTPS server", "HTTP request was sent to HTTPS port", "speaking plain HTTP to an SSL-enabled server port"} {
		if bytes.Contains(body, []byte(text)) {
			return true
		}
	}
	return false
}
