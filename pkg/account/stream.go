package account

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"time"

	"stanzahook/pkg/stanza"
)

// Namespaces of what is negotiated (RFC 6120 sections 5.3.1, 6.3.1 and 7.4, XEP-0198).
const (
	nsTLS  = "urn:ietf:params:xml:ns:xmpp-tls"
	nsSASL = "urn:ietf:params:xml:ns:xmpp-sasl"
	nsBind = "urn:ietf:params:xml:ns:xmpp-bind"
	nsSM   = "urn:xmpp:sm:3"
	nsPing = "urn:xmpp:ping"
)

// stream is our side of a client's stream. One goroutine uses it.
type stream struct {
	conn    net.Conn
	host    string
	private bool // a password may be sent as it is: over TLS, or where that is allowed
	r       *stanza.Reader
	scope   []stanza.Namespace
	offers  features
}

// features are what a server offers (RFC 6120 section 4.3.2).
type features struct {
	StartTLS   *struct{} `xml:"urn:ietf:params:xml:ns:xmpp-tls starttls"`
	Mechanisms struct {
		Names []string `xml:"mechanism"`
	} `xml:"urn:ietf:params:xml:ns:xmpp-sasl mechanisms"`
	SM *struct{} `xml:"urn:xmpp:sm:3 sm"`
}

// until makes reads and writes fail when the context ends; the function it
// returns takes that back.
func (s *stream) until(ctx context.Context) func() bool {
	conn := s.conn // under TLS it stays the one to stop
	return context.AfterFunc(ctx, func() {
		_ = conn.SetDeadline(time.Unix(1, 0)) // an error means that it is closed
	})
}

// open begins the stream, or begins it anew, and reads what the server offers.
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
	s.scope, s.offers = h.Scope, features{}
	return s.expect("features", &s.offers)
}

// expect reads an element of that name. The element before is gone then.
func (s *stream) expect(name string, v any) error {
	e, err := s.next()
	if err != nil {
		return err
	}
	if e.XMLName.Local != name {
		return unreachable("waiting for <"+name+"/>", fmt.Errorf("the server sent <%s/>", e.XMLName.Local))
	}
	if v == nil {
		return nil
	}
	if err := xml.Unmarshal(e.raw, v); err != nil {
		return unreachable("reading <"+name+"/>", err)
	}
	return nil
}

// element is what may come that is not for others.
type element struct {
	raw     []byte
	XMLName xml.Name
	Type    string     `xml:"type,attr"`
	ID      string     `xml:"id,attr"`
	Handled uint32     `xml:"h,attr"` // of <a/> (XEP-0198)
	Text    string     `xml:",chardata"`
	Kids    []xmlChild `xml:",any"`
}

type xmlChild struct {
	XMLName xml.Name
	Text    string `xml:",chardata"`
}

// next reads one element; a stream error is an error.
func (s *stream) next() (*element, error) {
	raw, err := s.r.Next()
	if err != nil {
		return nil, unreachable("reading", err)
	}
	e := element{raw: raw}
	if err := xml.Unmarshal(raw, &e); err != nil {
		return nil, unreachable("reading", err)
	}
	if e.XMLName.Local == "error" {
		return nil, unreachable("reading", e.streamError())
	}
	return &e, nil
}

// streamError reads the element as <stream:error/>.
func (e *element) streamError() *streamError {
	said := &streamError{condition: "undefined-condition"}
	for _, k := range e.Kids {
		switch {
		case k.XMLName.Space != stanza.NSStreams:
		case k.XMLName.Local == "text":
			said.text = k.Text
		default:
			said.condition = k.XMLName.Local
		}
	}
	return said
}

// startTLS asks the server to begin with TLS. What it sent in the clear behind
// its consent would be taken for something it said in secret, so there must be
// nothing.
func (s *stream) startTLS() error {
	if s.offers.StartTLS == nil {
		return fmt.Errorf("%w: %w", ErrTLS, ErrNoStartTLS)
	}
	if _, err := io.WriteString(s.conn, "<starttls xmlns='"+nsTLS+"'/>"); err != nil {
		return unreachable("asking for TLS", err)
	}
	e, err := s.next()
	if err != nil {
		return err
	}
	if e.XMLName != (xml.Name{Space: nsTLS, Local: "proceed"}) || s.r.Buffered() {
		return fmt.Errorf("%w: the server does not go on with TLS as it should", ErrTLS)
	}
	return nil
}

// hangUp ends the stream without waiting for the server's side of it.
func (s *stream) hangUp() {
	_ = s.conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = io.WriteString(s.conn, "</stream:stream>") // it may be gone already
	_ = s.conn.Close()
}
