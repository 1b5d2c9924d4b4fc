package accounttest

import (
	"crypto/tls"
	"encoding/xml"
	"fmt"
	"net"
	"strings"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// client is the server side of one connection.
type client struct {
	server  *Server
	conn    net.Conn
	r       *stanza.Reader
	secure  bool
	user    string
	bound   bool
	handled int
	acks    bool
}

func (c *client) write(format string, args ...any) bool {
	_, err := fmt.Fprintf(c.conn, format, args...)
	return err == nil
}

func (c *client) serve() {
	if c.server.o.DirectTLS && !c.encrypt() {
		return
	}
	for c.open() {
		again, ok := c.stream()
		if !ok || !again {
			return
		}
	}
}

func (c *client) encrypt() bool {
	secure := tls.Server(c.conn, &tls.Config{Certificates: []tls.Certificate{c.server.cert}, NextProtos: []string{"xmpp-client"}})
	if secure.Handshake() != nil {
		return false
	}
	c.server.mu.Lock()
	c.conn, c.secure = secure, true
	c.server.mu.Unlock()
	return true
}

// open answers the stream header with the features.
func (c *client) open() bool {
	o := c.server.o
	c.r = stanza.NewReader(c.conn, stanza.Limits{})
	if _, err := c.r.Open(); err != nil {
		return false
	}
	offers := ""
	switch {
	case c.user != "":
		offers = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
		if o.Acks {
			offers += "<sm xmlns='urn:xmpp:sm:3'/>"
		}
	case o.StartTLS && !c.secure:
		offers = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"
	default:
		offers = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"
		for _, m := range o.Mechanisms {
			offers += "<mechanism>" + m + "</mechanism>"
		}
		offers += "</mechanisms>"
	}
	return c.write("<?xml version='1.0'?><stream:stream from='%s' id='s' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'><stream:features>%s</stream:features>", o.Host, offers)
}

type request struct {
	XMLName   xml.Name
	Mechanism string    `xml:"mechanism,attr"`
	Text      string    `xml:",chardata"`
	ID        string    `xml:"id,attr"`
	Type      string    `xml:"type,attr"`
	Bind      *struct{} `xml:"urn:ietf:params:xml:ns:xmpp-bind bind"`
	Ping      *struct{} `xml:"urn:xmpp:ping ping"`
}

// next returns the next element; false at the end.
func (c *client) next() ([]byte, request, bool) {
	raw, err := c.r.Next()
	if err != nil {
		if err == stanza.ErrStreamEnd {
			c.server.mu.Lock()
			c.server.goodbye++
			c.server.mu.Unlock()
		}
		return nil, request{}, false
	}
	var q request
	return raw, q, xml.Unmarshal(raw, &q) == nil
}

// stream serves until the stream restarts or ends.
func (c *client) stream() (again, ok bool) {
	for {
		raw, q, ok := c.next()
		if !ok {
			return false, false
		}
		switch {
		case q.XMLName.Local == "starttls":
			return true, c.write("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>") && c.encrypt()
		case q.XMLName.Local == "auth":
			return true, c.authenticate(q)
		case q.XMLName.Local == "enable":
			c.acks = true
			ok = c.write("<enabled xmlns='urn:xmpp:sm:3'/>")
		case q.XMLName.Local == "r":
			ok = c.server.quiet() || c.write("<a xmlns='urn:xmpp:sm:3' h='%d'/>", c.handled)
		case q.Bind != nil:
			c.bound = true
			ok = c.write("<iq type='result' id='%s'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>%s@%s/r</jid></bind></iq>", q.ID, c.user, c.server.o.Host)
		case q.Ping != nil:
			c.handled++
			ok = c.server.quiet() || c.write("<iq type='result' id='%s' from='%s'/>", q.ID, c.server.o.Host)
		case q.XMLName.Local == "a":
		default:
			c.handled++
			ok = c.receive(string(raw))
		}
		if !ok {
			return false, false
		}
	}
}

// receive records a stanza, with the address of its sender.
func (c *client) receive(raw string) bool {
	s := c.server
	in, err := stanza.Parse(raw, stanza.Limits{})
	if err != nil {
		return c.write("<stream:error><not-well-formed xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>") && false
	}
	h := in.Header
	h.From = jid.MustParse(c.user + "@" + s.o.Host + "/r")
	stamped, err := in.With(h, stanza.Limits{})
	s.mu.Lock()
	limit := s.limit
	if err == nil && (limit == 0 || len(raw) <= limit) {
		s.received = append(s.received, stamped)
	}
	s.cond.Broadcast()
	s.mu.Unlock()
	if limit > 0 && len(raw) > limit {
		return c.write("<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>") && false
	}
	if strings.HasPrefix(h.To.Local(), "bounce") {
		return c.write("<message type='error' id='%s' from='%s' to='%s'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>", h.ID, h.To, h.From)
	}
	return true
}

func (s *Server) quiet() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.silent
}
