package component

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"time"

	"stanzahook/pkg/socket"
)

const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 20 * time.Second
)

// dial connects, with TLS from the first byte if configured: components have
// no STARTTLS (XEP-0114; ejabberd refuses it).
func (l *Link) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", l.o.Addr)
	if err != nil {
		return nil, err
	}
	s, err := socket.New(conn, true)
	if err != nil {
		return nil, err
	}
	l.conn.Store(s)
	conn = s
	config := l.tls.Load()
	if config == nil {
		return conn, nil
	}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // the TLS error is the one to report
		return nil, &tlsError{err}
	}
	return secured, nil
}

// Trust replaces the authorities that are trusted, nil for the system's, from the next
// connection on, which is tried at once if there is none. Without TLS it does nothing.
func (l *Link) Trust(cas *x509.CertPool) {
	config := l.tls.Load().Clone() // of nil: nil
	if config == nil {
		return
	}
	config.RootCAs = cas
	l.tls.Store(config)
	l.Retry()
}

// Retry lets a link without a connection try at once to make one, instead of when its pause is over.
func (l *Link) Retry() {
	select {
	case l.retry <- struct{}{}:
	default: // it is about to
	}
}

type tlsError struct{ err error }

func (e *tlsError) Error() string { return "TLS: " + e.err.Error() }
func (e *tlsError) Unwrap() error { return e.err }
