package webhook

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"stanzahook/pkg/outbound"
	"stanzahook/pkg/tracing"
)

// plain makes the requests to endpoints with http URLs, which are bots on the same host
// or in our network as a rule, and to sockets. It writes and reads on the
// caller's goroutine, where net/http hands each request on to two others, and
// encodes only the parts that change between requests: that more than
// halves the cost of an attempt, which is the largest part of a delivery.
// It speaks HTTP/1.1 with keep-alive only; net/http does everything else (TLS, HTTP/2,
// proxies). Answers that are not in the usual form (post_plain_head.go) are read by
// net/http's reader here too, so that the same answer means the same over both.
type plain struct {
	timeout time.Duration
	address *outbound.Address
	target  []byte  // request line and Host, if all requests have the same
	fixed   []byte  // the header fields of all requests
	given   []field // configured fields that the format may set itself
	pool    pool
}

type field struct{ name, value string }

func newPlain(e *Endpoint, guard *outbound.Guard, address *outbound.Address) *plain {
	p := &plain{timeout: e.Timeout, address: address}
	network, at := "tcp", address.Host()
	if socket := address.Socket(); socket != "" {
		network, at = "unix", socket
	} else if u := address.Base(); u.Port() == "" {
		at = net.JoinHostPort(u.Hostname(), "80")
	}
	p.pool.init(network, at, outbound.NewDialer(guard, nil), e.Timeout)
	if !address.HasPlaceholders() {
		p.target, _ = p.appendTarget(nil, nil) // without values nothing fails
	}
	p.fixed = appendField(nil, "User-Agent", e.UserAgent)
	if len(e.Headers["Accept-Encoding"]) == 0 {
		p.fixed = appendField(p.fixed, "Accept-Encoding", outbound.Identity)
	}
	for name, values := range e.Headers {
		for _, v := range values {
			switch name {
			case "User-Agent":
			case "Content-Type", "Accept", "Content-Language", tracing.Header:
				p.given = append(p.given, field{name, v})
			default:
				p.fixed = appendField(p.fixed, name, v)
			}
		}
	}
	return p
}

// appendTarget appends the request line and Host.
func (p *plain) appendTarget(b []byte, value func(string) string) ([]byte, error) {
	const method = "POST "
	begin := len(b) + len(method)
	b, err := p.address.AppendTarget(append(b, method...), value)
	if err := sendable(len("http://")+len(p.address.Host())+len(b)-begin, err); err != nil {
		return nil, err
	}
	return appendField(append(b, " HTTP/1.1\r\n"...), "Host", p.address.Host()), nil
}

// appendField appends a header field. A line break in the value becomes a space.
func appendField(b []byte, name, value string) []byte {
	b = append(append(b, name...), ": "...)
	for i := range len(value) {
		c := value[i]
		if c == '\r' || c == '\n' || c == 0 {
			c = ' '
		}
		b = append(b, c)
	}
	return append(b, "\r\n"...)
}

// abort aborts requests in flight.
func (p *plain) abort() { p.pool.abort() }

// post makes one request.
func (p *plain) post(value func(placeholder string) string, fields func(add func(name, value string)), body []byte, by watch) (*Answer, error) {
	c, err := p.pool.get()
	if err != nil {
		return nil, NoAnswer(err, p.timeout)
	}
	out, used := append(c.out[:0], p.target...), c.used
	if p.target == nil {
		if out, err = p.appendTarget(out, value); err != nil {
			p.pool.put(c, true)
			return nil, err
		}
	}
	out = append(out, p.fixed...)
	fields(func(name, value string) { out = appendField(out, name, value) })
	for _, f := range p.given {
		set := false
		fields(func(name, _ string) { set = set || name == f.name })
		if !set {
			out = appendField(out, f.name, f.value)
		}
	}
	out = strconv.AppendInt(append(out, "Content-Length: "...), int64(len(body)), 10)
	out = append(append(out, "\r\n\r\n"...), body...)
	a, err := c.ask(out, p.timeout, by)
	if used && gone(err) {
		// An idle connection may be gone, or has bytes that nobody asked for: the request is
		// sent again, with the same webhook-id.
		if c, err = p.pool.dial(); err != nil {
			return nil, NoAnswer(err, p.timeout)
		}
		a, err = c.ask(out, p.timeout, by)
	}
	if err != nil {
		return nil, NoAnswer(err, p.timeout)
	}
	return a, nil
}

// gone reports whether the other side had closed the connection, or had said something on it
// that would be read as the answer.
func gone(err error) bool {
	return errors.Is(err, errNothing) || errors.Is(err, errUnasked) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// errNothing means that a connection ended before the first byte of an answer.
var errNothing = fmt.Errorf("no byte of an answer: %w", io.EOF)

// errUnasked means that a connection had bytes to read before a request was written.
var errUnasked = errors.New("bytes that nobody asked for")

// ask writes a request and reads the answer; the connection goes back to the pool, or is
// closed. It keeps the memory of the request for the next one.
func (c *plainConn) ask(out []byte, timeout time.Duration, by watch) (*Answer, error) {
	a, again, err := c.exchange(out, timeout, by)
	c.out = out
	c.pool.put(c, err == nil && again)
	return a, err
}

func (c *plainConn) exchange(out []byte, timeout time.Duration, by watch) (a *Answer, again bool, err error) {
	if err := c.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, false, err
	}
	n := 0
	if c.used {
		var silent bool
		if n, silent = c.probe.Ask(out); !silent {
			return nil, false, errUnasked
		}
	}
	if n < len(out) {
		if _, err := c.Write(out[n:]); err != nil {
			return nil, false, err
		}
	}
	c.left = outbound.MaxHeadBytes
	if _, err := c.in.Peek(1); err == io.EOF {
		return nil, false, errNothing
	} else if err != nil {
		return nil, false, err
	}
	c.left = math.MaxInt // quick reads the head only if it is here already
	if a, ok, err := c.quick(); ok || err != nil {
		return a, c.in.Buffered() == 0, err
	}
	resp, err := c.readHead()
	if err != nil {
		return nil, false, err
	}
	outbound.Decode(resp)
	// An error of the deadline is one of the next read, too.
	if a, err = readAnswer(resp, by, func() { _ = c.SetDeadline(time.Now().Add(timeout)) }); err != nil {
		return nil, false, err
	}
	return a, !resp.Close && a.Unread == nil && a.stream == nil && a.Status >= 200 && c.in.Buffered() == 0, nil
}

// readHead reads the head of an answer, and skips interim ones (RFC 9110 section 15.2).
func (c *plainConn) readHead() (*http.Response, error) {
	c.left = outbound.MaxHeadBytes
	for {
		resp, err := http.ReadResponse(c.in, nil)
		if err != nil {
			return nil, err
		}
		if s := resp.StatusCode; s >= 200 || s == http.StatusSwitchingProtocols || s < 100 {
			c.left = math.MaxInt
			return resp, nil
		}
	}
}
