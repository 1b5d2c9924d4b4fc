package peer

import (
	"crypto/sha1" // #nosec G505 -- XEP-0114
	"encoding/hex"
	"errors"
	"fmt"
	"net"

	"stanzahook/pkg/stanza"
)

func (s *Server) accept() {
	defer s.wg.Done()
	for {
		conn, err := s.l.Accept()
		if err != nil {
			return
		}
		s.wg.Add(1)
		go func() {
			defer s.wg.Done()
			defer conn.Close()
			s.serve(conn)
		}()
	}
}

func (s *Server) serve(conn net.Conn) {
	r := stanza.NewReader(conn, stanza.Limits{MaxBytes: 1 << 20})
	if _, err := r.Open(); err != nil {
		return
	}
	const id = "3BF96D32"
	if _, err := fmt.Fprintf(conn, "<?xml version='1.0'?><stream:stream xmlns:stream='%s' xmlns='%s' from='%s' id='%s'>", stanza.NSStream, stanza.NSComponent, s.domain, id); err != nil {
		return
	}
	hand, err := r.Next()
	if err != nil {
		return
	}
	sum := sha1.Sum([]byte(id + s.secret)) // #nosec G401
	s.mu.Lock()
	refuse, prelude := s.refuse, s.prelude
	s.mu.Unlock()
	if refuse == "" && string(hand) != "<handshake>"+hex.EncodeToString(sum[:])+"</handshake>" {
		refuse = "<not-authorized xmlns='" + stanza.NSStreams + "'/>"
	}
	if refuse != "" {
		_, _ = fmt.Fprintf(conn, "<stream:error>%s</stream:error></stream:stream>", refuse)
		return
	}
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return
	}
	s.conn = conn
	s.accepted++
	s.mu.Unlock()
	if _, err := conn.Write([]byte("<handshake/>" + prelude)); err != nil {
		return
	}
	s.cond.Broadcast()
	s.read(conn, r)
	s.mu.Lock()
	if s.conn == conn {
		s.conn = nil
	}
	s.mu.Unlock()
}

// read reads what the component sends, and routes its markers back.
func (s *Server) read(conn net.Conn, r *stanza.Reader) {
	p := stanza.NewParser(stanza.Limits{MaxBytes: 1 << 20}, nil)
	for {
		raw, err := r.Next()
		if err != nil {
			s.mu.Lock()
			s.goodbye = errors.Is(err, stanza.ErrStreamEnd)
			s.mu.Unlock()
			s.cond.Broadcast()
			return
		}
		x, err := p.Parse(string(raw))
		s.mu.Lock()
		if s.limit > 0 && len(raw) > s.limit {
			s.mu.Unlock()
			_, _ = fmt.Fprintf(conn, "<stream:error><policy-violation xmlns='%s'/><text xmlns='%s'>XML stanza is too big</text></stream:error></stream:stream>", stanza.NSStreams, stanza.NSStreams)
			return
		}
		switch {
		case err != nil || x.From.Domain() != s.domain || x.To.IsZero():
			s.bad = append(s.bad, string(raw))
			s.say("component: BAD", string(raw))
		case x.From == x.To:
			swallow := s.swallow
			s.mu.Unlock()
			if !swallow {
				if _, err := conn.Write(raw); err != nil {
					return
				}
			}
			continue
		case s.answer != nil:
			f := s.answer
			s.mu.Unlock()
			if answer := f(x); answer != "" {
				if _, err := conn.Write([]byte(answer)); err != nil {
					return
				}
				continue
			}
			s.mu.Lock()
			s.keep(x, raw)
		default:
			s.keep(x, raw)
		}
		s.mu.Unlock()
		s.cond.Broadcast()
	}
}

// keep keeps a stanza for Expect and Received.
func (s *Server) keep(x *stanza.Stanza, raw []byte) {
	if !s.forget {
		s.inbox = append(s.inbox, x)
		s.say("component", string(raw))
	}
}
