package account

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"

	"stanzahook/pkg/stanza"
)

// Errors of a login. The errors of Verify and Dial wrap one of these; none of
// them contains a password.
var (
	ErrPassword    = errors.New("the account or its password is wrong")
	ErrDisabled    = errors.New("the account is disabled")
	ErrUnreachable = errors.New("the XMPP server is unavailable")
	ErrTLS         = errors.New("no secure connection to the XMPP server")
	ErrMechanism   = errors.New("the XMPP server offers no login mechanism that is allowed on this connection")
)

// Details of ErrTLS and ErrUnreachable.
var (
	ErrNoStartTLS = errors.New("the server offers no STARTTLS")
	ErrNoHost     = errors.New("the XMPP server does not serve the host")
)

// unreachable wraps a network error in ErrUnreachable, or in ErrTLS if TLS failed.
func unreachable(doing string, err error) error {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	if errors.As(err, &certificate) || errors.As(err, &record) || errors.As(err, &alert) {
		return fmt.Errorf("%w: %s: %w", ErrTLS, doing, err)
	}
	return fmt.Errorf("%w: %s: %w", ErrUnreachable, doing, err)
}

// streamError is a stream error (RFC 6120 section 4.9).
type streamError struct{ condition, text string }

// newStreamError reads <stream:error/>.
func newStreamError(e *stanza.Element) *streamError {
	condition, text := e.Condition(stanza.NSStreams)
	return &streamError{cmp.Or(condition, "undefined-condition"), text}
}

func (e *streamError) Error() string {
	if e.text == "" {
		return "stream error " + e.condition
	}
	return "stream error " + e.condition + ": " + e.text
}

// Is reports whether the error is ErrNoHost.
func (e *streamError) Is(target error) bool {
	return target == ErrNoHost && e.condition == "host-unknown"
}

// aboutXML reports whether the error is about the XML that was sent, so that
// sending it again would end the next stream too.
func (e *streamError) aboutXML() bool {
	switch e.condition {
	case "policy-violation", "bad-format", "invalid-xml", "not-well-formed", "restricted-xml", "invalid-namespace", "bad-namespace-prefix", "unsupported-stanza-type", "improper-addressing", "invalid-from":
		return true
	}
	return false
}
