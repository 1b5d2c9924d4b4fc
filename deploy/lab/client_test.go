package lab

import (
	"bufio"
	"context"
	"encoding/xml"
	"io"
	"net"
	"testing"
	"time"
)

// testClient is a client that reads what the test writes to the other end.
func testClient(t *testing.T) (*Client, net.Conn) {
	t.Helper()
	ours, theirs := net.Pipe()
	in := bufio.NewReader(ours)
	c := &Client{
		jid:     "alice@localhost/test",
		stream:  &stream{conn: ours, in: in, dec: xml.NewDecoder(in)},
		done:    make(chan struct{}),
		arrival: make(chan struct{}),
	}
	go func() {
		if _, err := c.stream.dec.Token(); err == nil { // the stream's start tag
			c.read()
		}
	}()
	write(t, theirs, "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>")
	t.Cleanup(func() { theirs.Close(); ours.Close() })
	return c, theirs
}

func write(t *testing.T, w io.Writer, xml string) {
	t.Helper()
	if _, err := io.WriteString(w, xml); err != nil {
		t.Error(err)
	}
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestClientReceives(t *testing.T) {
	c, server := testClient(t)
	ctx := testContext(t)
	// A message inside a message is not the message's own body.
	write(t, server, `<message type='chat' id='1' from='b@x/r' to='a@x'>
		<sent xmlns='urn:xmpp:carbons:2'><message xmlns='jabber:client'><body>inner</body></message></sent>
		<body>a &lt; b</body></message> `)
	write(t, server, `<presence from='b@x/r'/>`)
	write(t, server, `<iq type='error' id='2'><error type='cancel'><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no</text>`+
		`<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><own xmlns='urn:x'/></error></iq>`)

	iq, err := c.Next(ctx, func(r Received) bool { return r.Kind == "iq" })
	if err != nil || iq.Error != "item-not-found" || iq.ID != "2" || iq.Type != "error" {
		t.Errorf("iq %+v, error %v", iq, err)
	}
	m, err := c.Next(ctx, nil)
	if err != nil || m.Kind != "message" || m.Body != "a < b" || m.From != "b@x/r" || m.To != "a@x" {
		t.Errorf("message %+v, error %v", m, err)
	}
	p, err := c.Next(ctx, nil)
	if err != nil || p.Kind != "presence" || p.Type != "" {
		t.Errorf("presence %+v, error %v", p, err)
	}
}

// Two waiting calls must not hide stanzas from each other by taking some.
func TestClientConcurrentNext(t *testing.T) {
	c, server := testClient(t)
	ctx := testContext(t)
	result := make(chan error)
	for _, kind := range []string{"message", "presence"} {
		go func() {
			for range 200 {
				if _, err := c.Next(ctx, func(r Received) bool { return r.Kind == kind }); err != nil {
					result <- err
					return
				}
			}
			result <- nil
		}()
	}
	for range 200 {
		write(t, server, "<message/><presence/>")
	}
	for range 2 {
		if err := <-result; err != nil {
			t.Error(err)
		}
	}
}

func TestClientStreamError(t *testing.T) {
	c, server := testClient(t)
	go write(t, server, "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>")
	if r, err := c.Next(testContext(t), nil); err == nil {
		t.Errorf("got %+v instead of an error", r)
	}
}

func TestClientNextEndsWithContext(t *testing.T) {
	c, _ := testClient(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := c.Next(ctx, nil); err == nil {
		t.Errorf("got %+v instead of an error", r)
	}
}
