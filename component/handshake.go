package component

import (
	"cmp"
	"crypto/sha1" // #nosec G505 -- XEP-0114 section 3 prescribes SHA-1
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"stanzahook/pkg/stanza"
)

// StreamError is a stream error (RFC 6120 section 4.9) that the server sent
// before it closed.
type StreamError struct {
	Condition string // such as not-authorized, host-unknown, conflict
	Text      string

	content     string // the namespace of stanzas that the server's stream header declares
	established bool   // it ends a connection that had worked
}

func (e *StreamError) Error() string {
	s := "the server closed the stream: " + e.Condition
	if e.Text != "" {
		s += " (" + e.Text + ")"
	}
	return s
}

// handshake opens the stream and authenticates (XEP-0114 section 3). The
// reader goes on behind the server's <handshake/>: the first stanzas may be in
// the same segment.
func (l *Link) handshake(conn net.Conn) (*connection, error) {
	if err := conn.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return nil, fmt.Errorf("set deadline: %w", err)
	}
	open := stanza.AppendAttr([]byte("<?xml version='1.0'?><stream:stream xmlns='"+stanza.NSComponent+"' xmlns:stream='"+stanza.NSStream+"'"), "to", l.o.Domain.String())
	if _, err := conn.Write(append(open, '>')); err != nil {
		return nil, fmt.Errorf("open stream: %w", err)
	}
	r := stanza.NewReader(conn, l.o.Limits)
	header, err := r.Open()
	if err != nil {
		return nil, &notXMPP{err}
	}
	if header.ID != "" {
		// #nosec G401 -- the SHA-1 of XEP-0114 section 3
		sum := sha1.Sum([]byte(header.ID + l.o.Secret.Reveal()))
		if _, err := io.WriteString(conn, "<handshake>"+hex.EncodeToString(sum[:])+"</handshake>"); err != nil {
			return nil, fmt.Errorf("send handshake: %w", err)
		}
	} // without an id a stream error follows (Prosody: host-unknown)
	answer, err := r.Next()
	if err != nil {
		return nil, fmt.Errorf("wait for the handshake's answer: %w", err)
	}
	parser := stanza.NewParser(l.o.Limits, header.Scope).DropUndeclared()
	if e := streamError(string(answer), parser); e != nil {
		e.content = header.Content
		return nil, e
	}
	if e, err := parser.Element(string(answer)); err != nil || e.Local != "handshake" {
		return nil, &notXMPP{fmt.Errorf("instead of <handshake/> the server sent %.100q", answer)}
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("clear deadline: %w", err)
	}
	return &connection{l: l, conn: conn, r: r, parser: parser, began: time.Now()}, nil
}

// notXMPP means that something else than a component listener answered.
type notXMPP struct{ err error }

func (e *notXMPP) Error() string { return "stream header: " + e.err.Error() }
func (e *notXMPP) Unwrap() error { return e.err }

// streamError reads a <stream:error/>; nil if the element is something else.
func streamError(raw string, p *stanza.Parser) *StreamError {
	if !strings.HasPrefix(raw, "<stream:error") {
		return nil
	}
	e := &StreamError{Condition: "undefined-condition"}
	if x, err := p.Element(raw); err == nil {
		condition, text := x.Condition(stanza.NSStreams)
		e.Condition, e.Text = cmp.Or(condition, e.Condition), text
	}
	return e
}
