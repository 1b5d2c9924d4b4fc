package account

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
)

// Mode is how a connection is encrypted.
type Mode string

// The modes.
const (
	StartTLS Mode = "starttls" // RFC 6120 section 5
	Direct   Mode = "direct"   // TLS from the first byte (XEP-0368)
	None     Mode = "none"     // to loopback only
)

// Dialer logs in at one server. A zero duration means its default.
type Dialer struct {
	Server  string         // host:port of the server's listener for clients
	Mode    Mode           // default StartTLS
	RootCAs *x509.CertPool // nil: those of the system
	// AllowPlain allows PLAIN (RFC 4616) over loopback without TLS: whatever program
	// listens on the port then gets the password. Without it only SCRAM is used.
	AllowPlain bool

	Timeout   time.Duration // for a login; default 10 s
	Confirm   time.Duration // for the confirmation of a message; default 10 s
	Keepalive time.Duration // a space this often on an idle session; default 30 s

	// Bounced, if not nil, is called with each message that comes back as an
	// error. It runs on a session's goroutine and must not block.
	Bounced func(*stanza.Stanza)
}

func (d Dialer) withDefaults() Dialer {
	if d.Mode == "" {
		d.Mode = StartTLS
	}
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{{&d.Timeout, 10 * time.Second}, {&d.Confirm, 10 * time.Second}, {&d.Keepalive, 30 * time.Second}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	if d.Bounced == nil {
		d.Bounced = func(*stanza.Stanza) {}
	}
	return d
}

// Verify checks the password of an account by a login. Errors: ErrPassword,
// ErrDisabled, ErrUnreachable, ErrTLS, ErrMechanism.
func (d Dialer) Verify(ctx context.Context, who jid.JID, password secret.String) error {
	d = d.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	s, err := d.login(ctx, who, password)
	if err != nil {
		return err
	}
	s.hangUp()
	return nil
}

// Dial logs in and opens a session. Its errors are those of Verify.
func (d Dialer) Dial(ctx context.Context, who jid.JID, password secret.String) (*Session, error) {
	d = d.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	s, err := d.login(ctx, who, password)
	if err != nil {
		return nil, err
	}
	return d.begin(ctx, s, who)
}

// login returns an authenticated stream that has no resource yet.
func (d Dialer) login(ctx context.Context, who jid.JID, password secret.String) (*stream, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", d.Server)
	if err != nil {
		return nil, unreachable("connecting", err)
	}
	s := &stream{conn: conn, host: who.Domain()}
	defer s.until(ctx)()
	if err := d.negotiate(ctx, s, who, password); err != nil {
		_ = conn.Close() // the first error matters
		if ctx.Err() != nil {
			return nil, unreachable("logging in", context.Cause(ctx))
		}
		return nil, err
	}
	return s, nil
}

func (d Dialer) negotiate(ctx context.Context, s *stream, who jid.JID, password secret.String) error {
	loopback := isLoopback(s.conn)
	s.private = loopback && d.AllowPlain
	if d.Mode == None && !loopback {
		return fmt.Errorf("%w: %s is not on loopback, and TLS is switched off", ErrTLS, d.Server)
	}
	if d.Mode == Direct {
		if err := d.encrypt(ctx, s, "xmpp-client"); err != nil {
			return err
		}
	}
	if err := s.open(); err != nil {
		return err
	}
	if d.Mode == StartTLS {
		if err := s.startTLS(); err != nil {
			return err
		}
		if err := d.encrypt(ctx, s); err != nil {
			return err
		}
		if err := s.open(); err != nil {
			return err
		}
	}
	if err := s.authenticate(who.Local(), password); err != nil {
		return err
	}
	return s.open()
}

// encrypt does the TLS handshake. The certificate must be valid for the account's
// domain (RFC 6120 section 13.7.2), whatever address was dialed.
func (d Dialer) encrypt(ctx context.Context, s *stream, protocols ...string) error {
	c := tls.Client(s.conn, &tls.Config{ServerName: s.host, RootCAs: d.RootCAs, NextProtos: protocols, MinVersion: tls.VersionTLS12})
	if err := c.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrTLS, err)
	}
	s.conn, s.private = c, true
	return nil
}

func isLoopback(c net.Conn) bool {
	a, ok := c.RemoteAddr().(*net.TCPAddr)
	return ok && a.IP.IsLoopback()
}
