package account

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"stanzahook/pkg/stanza"
)

// Namespaces of the negotiation (RFC 6120 sections 5.3.1, 6.3.1 and 7.4, XEP-0198).
const (
	nsTLS  = "urn:ietf:params:xml:ns:xmpp-tls"
	nsSASL = "urn:ietf:params:xml:ns:xmpp-sasl"
	nsBind = "urn:ietf:params:xml:ns:xmpp-bind"
	nsSM   = "urn:xmpp:sm:3"
	nsPing = "urn:xmpp:ping"
)

// stream is the client's side of a stream. One goroutine uses it.
type stream struct {
	conn    net.Conn
	host    string
	private bool // PLAIN is allowed: over TLS, or with AllowPlain
	r       *stanza.Reader
	parser  *stanza.Parser
	offers  *stanza.Element // <stream:features/> (RFC 6120 section 4.3.2)
}

// until makes reads and writes fail when the context ends, until the returned
// function is called.
func (s *stream) until(ctx context.Context) func() bool {
	conn := s.conn // also with TLS above it
	return context.AfterFunc(ctx, func() {
		_ = conn.SetDeadline(time.Unix(1, 0)) // an error means a closed connection
	})
}

// open opens or restarts the stream and reads the server's features.
func (s *stream) open() error {
	header := stanza.AppendAttr([]byte("<?xml version='1.0'?><stream:stream"), "to", s.host)
	header = append(header, " version='1.0' xmlns='"+stanza.NSClient+"' xmlns:stream='"+stanza.NSStream+"'>"...)
	if _, err := s.conn.Write(header); err != nil {
		return unreachable("opening the stream", err)
	}
	s.r = stanza.NewReader(s.conn, stanza.Limits{})
	h, err := s.r.Open()
	if err != nil {
		return unreachable("opening the stream", err)
	}
	s.parser = stanza.NewParser(stanza.Limits{}, h.Scope).DropUndeclared()
	s.offers, err = s.next()
	if err == nil && s.offers.Local != "features" {
		err = unreachable("waiting for <features/>", fmt.Errorf("the server sent <%s/>", s.offers.Local))
	}
	return err
}

// next reads one element; a stream error is an error.
func (s *stream) next() (*stanza.Element, error) {
	raw, err := s.r.Next()
	if err != nil {
		return nil, unreachable("reading", err)
	}
	e, err := s.parser.Element(string(raw))
	switch {
	case err != nil:
		return nil, unreachable("reading", err)
	case e.Local == "error":
		return nil, unreachable("reading", newStreamError(e))
	}
	return e, nil
}

// startTLS requests TLS (RFC 6120 section 5.4.2). Nothing may follow the server's
// <proceed/> in the clear: it would be read as if it had come over TLS.
func (s *stream) startTLS() error {
	if s.offers.Child(nsTLS, "starttls") == nil {
		return fmt.Errorf("%w: %w", ErrTLS, ErrNoStartTLS)
	}
	if _, err := io.WriteString(s.conn, "<starttls xmlns='"+nsTLS+"'/>"); err != nil {
		return unreachable("asking for TLS", err)
	}
	e, err := s.next()
	if err != nil {
		return err
	}
	if e.Space != nsTLS || e.Local != "proceed" || s.r.Buffered() {
		return fmt.Errorf("%w: the server did not answer STARTTLS correctly", ErrTLS)
	}
	return nil
}

// hangUp closes the stream without waiting for the server to close its side.
func (s *stream) hangUp() {
	_ = s.conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = io.WriteString(s.conn, "</stream:stream>") // it may be gone already
	_ = s.conn.Close()
}
