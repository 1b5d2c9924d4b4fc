package outbound

import (
	"bytes"
	"errors"
	"strings"
)

// ErrWantsTLS means that a port that was asked in the clear speaks TLS.
var ErrWantsTLS = errors.New("the port speaks TLS; write https:// in the URL")

// Explain returns [ErrWantsTLS] for an error that a TLS alert (RFC 8446 section 6)
// in the place of an answer leads to, and every other error as it is.
func Explain(err error) error {
	if err != nil && strings.Contains(err.Error(), `malformed HTTP response "\x15\x03`) {
		return ErrWantsTLS
	}
	return err
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
