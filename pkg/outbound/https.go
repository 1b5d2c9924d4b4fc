package outbound

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// Errors for a URL with http in place of https, or the reverse.
var (
	ErrWantsTLS   = errors.New("the port speaks TLS; write https:// in the URL")
	ErrSpeaksHTTP = errors.New("the port speaks HTTP without TLS; write http:// in the URL")
)

// Explain returns an error of an HTTP client without method and URL, which may
// contain a secret. It returns [ErrWantsTLS] if the server answered with a TLS alert
// (RFC 8446 section 6), and [ErrSpeaksHTTP] if it answered a TLS handshake with HTTP.
func Explain(err error) error {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
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

// startsHTTP reports whether the beginning of an answer is HTTP. To a request that
// they cannot read, some servers answer with HTML alone, as in HTTP/0.9.
func startsHTTP(b []byte) bool {
	for _, start := range []string{"HTTP/", "<!DOC", "<html"} {
		if strings.EqualFold(string(b), start) {
			return true
		}
	}
	return false
}

// WantsTLS reports whether a server answered that it got an unencrypted request on a
// TLS port, by the texts of Go, nginx and Apache.
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
