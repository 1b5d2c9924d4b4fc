package lab

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// Received is one stanza as a client got it. What a stanza does not have is "".
type Received struct {
	Kind  string // "message", "presence" or "iq"
	Type  string // as sent: a normal message and an available presence have none
	ID    string
	From  string
	To    string
	Body  string
	Error string // the condition, e.g. "service-unavailable"
	Inner string // the XML of the children
}

// Client is a user's connection, logged in with SASL PLAIN and without TLS. It
// answers pings (XEP-0199) by itself; every other request is left to the caller.
//
// It builds on the protocol elements of gosrc.io/xmpp but not on that library's
// own Client, which handles each stanza in a goroutine of its own and so loses
// their order.
type Client struct {
	jid    string
	stream *stream

	done chan struct{} // closed when nothing more will be received

	mu      sync.Mutex // guards what follows
	buffer  []numbered
	count   int           // of all stanzas ever put into buffer
	err     error         // why nothing more will be received
	arrival chan struct{} // closed and replaced when buffer grows or err is set
}

// numbered is a buffered stanza with its place in the stream, by which a waiting
// Next knows what it has looked at, whatever others have taken meanwhile.
type numbered struct {
	Received
	number int
}

// loginMark is the id of the IQ that tells when the server has dealt with the
// initial presence.
const loginMark = "lab-login"

// Login connects as one of the users of Options and sends initial presence. It
// returns when the server has dealt with that: from then on the user is online for
// everybody.
func (s *Server) Login(ctx context.Context, user, resource string) (*Client, error) {
	return s.LoginBy(ctx, s.ClientAddr(), user, resource)
}

// LoginBy is Login by way of another address, at which somebody passes everything on.
func (s *Server) LoginBy(ctx context.Context, addr, user, resource string) (*Client, error) {
	password, ok := s.options.Users[user]
	if !ok {
		return nil, fmt.Errorf("lab: no user %q: name it in Options.Users", user)
	}
	stream, err := openStream(ctx, addr, s.config.Host, user, password)
	if err != nil {
		return nil, fmt.Errorf("lab: %s cannot log in: %w", user, err)
	}
	c := &Client{stream: stream, done: make(chan struct{}), arrival: make(chan struct{})}
	if err := c.begin(ctx, resource, s.config.Host); err != nil {
		_ = stream.conn.Close() // the first error is the one that matters
		return nil, fmt.Errorf("lab: %s cannot log in: %w", user, err)
	}
	return c, nil
}

// begin binds the resource, goes online, and starts reading.
func (c *Client) begin(ctx context.Context, resource, host string) error {
	stop := c.stream.until(ctx)
	defer stop()
	var err error
	if c.jid, err = c.stream.bind(resource); err != nil {
		return err
	}
	// Stanzas of one stream are handled in order: the answer to the ping says that
	// the presence has been.
	err = c.SendRaw("<presence/><iq type='get' id='" + loginMark + "' to='" + host + "'><ping xmlns='urn:xmpp:ping'/></iq>")
	if err != nil {
		return err
	}
	go c.read()
	_, err = c.Next(ctx, func(r Received) bool { return r.Kind == "iq" && r.ID == loginMark })
	return err
}

// JID is the full JID the server has given the client.
func (c *Client) JID() string { return c.jid }

// SendRaw sends XML as it stands. If it is no good the server ends the stream.
func (c *Client) SendRaw(xml string) error {
	if _, err := io.WriteString(c.stream.conn, xml); err != nil {
		return fmt.Errorf("lab: %s cannot send: %w", c.jid, err)
	}
	return nil
}

// Next returns the first stanza not yet returned that matches, as soon as there is
// one; nil matches all. Others stay, in the order they came in, for later calls.
// The function must not call methods of the client.
func (c *Client) Next(ctx context.Context, match func(Received) bool) (Received, error) {
	seen := 0 // stanzas up to this number do not match
	for {
		c.mu.Lock()
		r, ok := c.take(seen, match)
		seen = c.count
		arrival, err := c.arrival, c.err
		c.mu.Unlock()
		if ok {
			return r, nil
		}
		if err != nil {
			return Received{}, fmt.Errorf("lab: %s waits in vain: %w", c.jid, err)
		}
		select {
		case <-arrival:
		case <-ctx.Done():
			return Received{}, fmt.Errorf("lab: nothing that matches came for %s: %w", c.jid, ctx.Err())
		}
	}
}

// take removes the first stanza after number seen that matches. c.mu is held.
func (c *Client) take(seen int, match func(Received) bool) (Received, bool) {
	first, _ := slices.BinarySearchFunc(c.buffer, seen+1, func(n numbered, number int) int { return n.number - number })
	for i := first; i < len(c.buffer); i++ {
		r := c.buffer[i].Received
		if match != nil && !match(r) {
			continue
		}
		if i == 0 {
			c.buffer = c.buffer[1:] // the usual case, at no cost
		} else {
			c.buffer = slices.Delete(c.buffer, i, i+1)
		}
		return r, true
	}
	return Received{}, false
}

// Close ends the stream. It sends no unavailable presence first: send one with
// SendRaw if the server's own doing is not what is wanted.
func (c *Client) Close() error {
	// An error means that the connection is gone already.
	_, _ = io.WriteString(c.stream.conn, "</stream:stream>")
	select {
	case <-c.done:
	case <-time.After(2 * time.Second): // the server owes us its own end tag, but need not pay
	}
	err := c.stream.conn.Close()
	<-c.done
	return err
}

// read takes in stanzas until the stream ends.
func (c *Client) read() {
	defer close(c.done)
	for {
		r, err := c.readOne()
		c.mu.Lock()
		if err != nil {
			c.err = err
		} else if r.Kind != "" {
			c.count++
			c.buffer = append(c.buffer, numbered{r, c.count})
		}
		close(c.arrival)
		c.arrival = make(chan struct{})
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// element is a child of the stream: a stanza or a stream error.
type element struct {
	Type  string `xml:"type,attr"`
	ID    string `xml:"id,attr"`
	From  string `xml:"from,attr"`
	To    string `xml:"to,attr"`
	Body  string `xml:"jabber:client body"`
	Error struct {
		Conditions []xml.Name `xml:",any"`
	} `xml:"jabber:client error"`
	Ping  *struct{} `xml:"urn:xmpp:ping ping"`
	Inner string    `xml:",innerxml"`
}

// readOne reads the next stanza. One that needs no more attention comes back with
// no Kind.
func (c *Client) readOne() (Received, error) {
	token, err := c.stream.dec.Token()
	if err != nil {
		return Received{}, fmt.Errorf("the connection ended: %w", err)
	}
	start, ok := token.(xml.StartElement)
	if !ok {
		if _, end := token.(xml.EndElement); end {
			return Received{}, errors.New("the server ended the stream")
		}
		return Received{}, nil // white space
	}
	var e element
	if err := c.stream.dec.DecodeElement(&e, &start); err != nil {
		return Received{}, fmt.Errorf("the server sent bad XML: %w", err)
	}
	if start.Name.Local == "error" {
		return Received{}, fmt.Errorf("stream error: %s", e.Inner)
	}
	if e.Ping != nil && e.Type == "get" {
		return Received{}, c.pong(e)
	}
	r := Received{
		Kind: start.Name.Local, Type: e.Type, ID: e.ID, From: e.From, To: e.To,
		Body: e.Body, Inner: e.Inner,
	}
	for _, condition := range e.Error.Conditions {
		if condition.Space == "urn:ietf:params:xml:ns:xmpp-stanzas" && condition.Local != "text" {
			r.Error = condition.Local
		}
	}
	return r, nil
}

func (c *Client) pong(ping element) error {
	var b strings.Builder
	b.WriteString("<iq type='result' id='")
	_ = xml.EscapeText(&b, []byte(ping.ID)) // a strings.Builder takes everything
	if ping.From != "" {
		b.WriteString("' to='")
		_ = xml.EscapeText(&b, []byte(ping.From))
	}
	b.WriteString("'/>")
	return c.SendRaw(b.String())
}
