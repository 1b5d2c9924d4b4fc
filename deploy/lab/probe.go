package lab

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"gosrc.io/xmpp/stanza"
)

// errRefused: what answers on our port does not accept a secret that our server
// knows.
var errRefused = errors.New("refused")

// probe checks that the server p is ready: it lets a component in, it has its
// users, and it lets one of them in. The secrets prove that it is ours. It may take
// as long as given: a port may be open before the server reads from it, or be a
// silent stranger's.
func (s *Server) probe(ctx context.Context, p *Process, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	go func() { // nor will an answer come from a server that has ended
		select {
		case <-p.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := probeComponent(ctx, s.ComponentAddr(), s.config.probeComponent()); err != nil {
		return fmt.Errorf("components cannot connect yet: %w", err)
	}
	if !s.backend.usersReady(s.config) {
		return errors.New("not all users exist yet")
	}
	user := s.config.probeAccount()
	stream, err := openStream(ctx, s.ClientAddr(), s.config.Host, user.Name, user.Password)
	if err != nil {
		return fmt.Errorf("clients cannot log in yet: %w", err)
	}
	return stream.hangUp()
}

// probeComponent connects as an XEP-0114 component and leaves again.
func probeComponent(ctx context.Context, addr string, c Component) error {
	s, err := dialStream(ctx, addr)
	if err != nil {
		return err
	}
	defer s.conn.Close()
	defer s.until(ctx)()
	id, err := s.open("jabber:component:accept", c.Domain)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(s.conn, "<handshake>%s</handshake>", handshake(id, c.Secret)); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	answer, err := stanza.NextPacket(s.dec)
	if err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	switch a := answer.(type) {
	case stanza.Handshake:
		_, err := io.WriteString(s.conn, stanza.StreamClose)
		return err
	case stanza.StreamError:
		return fmt.Errorf("component handshake %w (%s)", errRefused, a.Error.Local)
	default:
		return fmt.Errorf("component handshake %w (answered with <%s>)", errRefused, a.Name())
	}
}

// handshake is the proof XEP-0114 asks for.
func handshake(streamID, secret string) string {
	digest := sha1.Sum([]byte(streamID + secret))
	return hex.EncodeToString(digest[:])
}
