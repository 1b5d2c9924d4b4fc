package account

import (
	"crypto/tls"
	"errors"
	"fmt"
)

// What keeps somebody from logging in. The errors of Verify and Dial wrap one
// of these; none of them ever holds a password.
var (
	ErrPassword    = errors.New("the account or its password is wrong")
	ErrDisabled    = errors.New("the account is disabled")
	ErrUnreachable = errors.New("the XMPP server cannot be asked")
	ErrTLS         = errors.New("no safe connection to the XMPP server")
	ErrMechanism   = errors.New("the XMPP server offers no login that may be used over this connection")
)

// What ErrTLS and ErrUnreachable may be about in particular.
var (
	ErrNoStartTLS = errors.New("the server offers no STARTTLS")
	ErrNoHost     = errors.New("the host is not one of the XMPP server's")
)

// What keeps a message from being sent.
var (
	ErrClosed      = errors.New("the session has ended; nothing was sent")
	ErrUnconfirmed = errors.New("the XMPP server has not confirmed the message; it may arrive or not")
	ErrRejected    = errors.New("the XMPP server closed the stream over this message")
	ErrBusy        = errors.New("too many sessions are open")
)

// unreachable wraps what went wrong on the network. Where TLS failed, it says
// that instead.
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

// aboutXML reports whether the error is about what we wrote, so that writing
// it again would end the next stream too.
func (e *streamError) aboutXML() bool {
	switch e.condition {
	case "policy-violation", "bad-format", "invalid-xml", "not-well-formed", "restricted-xml", "invalid-namespace", "bad-namespace-prefix", "unsupported-stanza-type", "improper-addressing", "invalid-from":
		return true
	}
	return false
}
