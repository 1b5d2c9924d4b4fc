package lab

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"gosrc.io/xmpp/stanza"
)

// stream is our side of an XML stream. The elements of the protocol are those of
// gosrc.io/xmpp/stanza.
type stream struct {
	conn net.Conn
	in   *bufio.Reader
	dec  *xml.Decoder
}

func dialStream(ctx context.Context, addr string) (*stream, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err // says what, whom and why already
	}
	return &stream{conn: conn, in: bufio.NewReader(conn)}, nil
}

// until makes reads and writes fail when the context ends; the function it returns
// takes that back.
func (s *stream) until(ctx context.Context) func() bool {
	return context.AfterFunc(ctx, func() {
		// The error is not of interest: the connection is broken then anyway.
		_ = s.conn.SetDeadline(time.Unix(1, 0))
	})
}

// open sends a stream header and reads the server's; it returns the stream's id.
func (s *stream) open(namespace, to string) (string, error) {
	// A new document begins, so a new decoder. It reads no further than it must
	// from a bufio.Reader, so that nothing is lost when the next one takes over.
	s.dec = xml.NewDecoder(s.in)
	_, err := fmt.Fprintf(s.conn, "<?xml version='1.0'?><stream:stream to='%s' xmlns='%s' xmlns:stream='%s' version='1.0'>",
		to, namespace, stanza.NSStream)
	if err != nil {
		return "", fmt.Errorf("stream: %w", err)
	}
	id, err := stanza.InitStream(s.dec)
	if err != nil {
		return "", fmt.Errorf("stream: %w", err)
	}
	return id, nil
}

// openStream connects as a client and logs in with SASL PLAIN. What is left to do
// is to bind a resource.
func openStream(ctx context.Context, addr, host, user, password string) (*stream, error) {
	s, err := dialStream(ctx, addr)
	if err != nil {
		return nil, err
	}
	defer s.until(ctx)()
	if err := s.authenticate(host, user, password); err != nil {
		_ = s.conn.Close() // the first error is the one that matters
		return nil, err
	}
	return s, nil
}

func (s *stream) authenticate(host, user, password string) error {
	features, err := s.features(host)
	if err != nil {
		return err
	}
	if offered := features.Mechanisms.Mechanism; !slices.Contains(offered, "PLAIN") {
		return fmt.Errorf("the server offers no SASL PLAIN, only %q", offered)
	}
	plain := base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password))
	if err := s.send(stanza.SASLAuth{Mechanism: "PLAIN", Value: plain}); err != nil {
		return err
	}
	answer, err := stanza.NextPacket(s.dec)
	if err != nil {
		return fmt.Errorf("login: %w", err)
	}
	if _, ok := answer.(stanza.SASLSuccess); !ok {
		return fmt.Errorf("login of %s %w (%s)", user, errRefused, answer.Name())
	}
	_, err = s.features(host)
	return err
}

func (s *stream) features(host string) (stanza.StreamFeatures, error) {
	var f stanza.StreamFeatures
	if _, err := s.open(stanza.NSClient, host); err != nil {
		return f, err
	}
	if err := s.dec.Decode(&f); err != nil {
		return f, fmt.Errorf("stream features: %w", err)
	}
	return f, nil
}

// bind takes a resource and returns the full JID.
func (s *stream) bind(resource string) (string, error) {
	iq, err := stanza.NewIQ(stanza.Attrs{Type: stanza.IQTypeSet, Id: "bind"})
	if err != nil {
		return "", fmt.Errorf("bind: %w", err)
	}
	iq.Payload = &stanza.Bind{Resource: resource}
	if err := s.send(iq); err != nil {
		return "", err
	}
	answer, err := stanza.NextPacket(s.dec)
	if err != nil {
		return "", fmt.Errorf("bind: %w", err)
	}
	result, ok := answer.(*stanza.IQ)
	if !ok {
		return "", fmt.Errorf("bind: the server answered with <%s>", answer.Name())
	}
	bound, ok := result.Payload.(*stanza.Bind)
	if !ok || bound.Jid == "" {
		return "", fmt.Errorf("bind: no resource in the server's answer of type %q", result.Type)
	}
	return bound.Jid, nil
}

func (s *stream) send(element any) error {
	data, err := xml.Marshal(element)
	if err != nil {
		return fmt.Errorf("XML: %w", err)
	}
	if _, err := s.conn.Write(data); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

// hangUp ends the stream without waiting for the server's side of it.
func (s *stream) hangUp() error {
	if _, err := io.WriteString(s.conn, stanza.StreamClose); err != nil {
		_ = s.conn.Close()
		return fmt.Errorf("closing the stream: %w", err)
	}
	return s.conn.Close()
}
