package webhook

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"stanzahook/pkg/outbound"
)

// plain makes the requests to endpoints with http URLs, which are bots beside
// us or in our network as a rule. It writes and reads on the goroutine that
// asks, where net/http hands each request on to two others, and writes again
// only what changes from one request to the next: that more than halves the
// cost of an attempt, which is the largest part of a delivery. HTTP/1.1 with
// keep-alive only; everything else (TLS, HTTP/2, proxies) is net/http's.
// Answers are read by fasthttp.
type plain struct {
	timeout time.Duration
	url     *url.URL // of all requests, with
	target  []byte   // its request line and Host; nil: they differ
	fixed   []byte   // the header fields of all requests
	given   []field  // configured fields that the format may set itself
	pool    pool
}

type field struct{ name, value string }

// newPlain returns what makes the requests to the host of u; all is the URL of
// all requests, if there is one.
func newPlain(e *Endpoint, guard *outbound.Guard, u, all *url.URL) *plain {
	p := &plain{timeout: e.Timeout, url: all}
	addr := u.Host
	if u.Port() == "" {
		addr = net.JoinHostPort(u.Hostname(), "80")
	}
	p.pool.init(addr, outbound.NewDialer(guard, nil), e.Timeout)
	if all != nil {
		p.target = appendTarget(nil, all)
	}
	p.fixed = appendField(nil, "User-Agent", e.UserAgent)
	for name, values := range e.Headers {
		for _, v := range values {
			switch name {
			case "User-Agent":
			case "Content-Type", "Accept", "Content-Language":
				p.given = append(p.given, field{name, v})
			default:
				p.fixed = appendField(p.fixed, name, v)
			}
		}
	}
	return p
}

func appendTarget(b []byte, u *url.URL) []byte {
	b = append(append(append(b, "POST "...), u.RequestURI()...), " HTTP/1.1\r\n"...)
	return appendField(b, "Host", u.Host)
}

// appendField appends a header field. A value cannot end it.
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

// abort breaks off what is under way.
func (p *plain) abort() { p.pool.abort() }

// post makes one request.
func (p *plain) post(u *url.URL, fields func(add func(name, value string)), body []byte) (*Answer, error) {
	c, err := p.pool.get()
	if err != nil {
		return nil, p.explain(err)
	}
	out, used := c.out[:0], c.used
	if p.target != nil && u == p.url {
		out = append(out, p.target...)
	} else {
		out = appendTarget(out, u)
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
	a, err := c.ask(out, p.timeout)
	if used && gone(err) {
		// A connection that was idle may be gone when it is used again. The
		// webhook-id tells a bot that did get both.
		if c, err = p.pool.dial(); err != nil {
			return nil, p.explain(err)
		}
		a, err = c.ask(out, p.timeout)
	}
	if err != nil {
		return nil, p.explain(err)
	}
	return a, nil
}

// gone reports whether the other side had closed the connection.
func gone(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func (p *plain) explain(err error) error {
	switch {
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return errLongAnswer
	case errors.Is(err, fasthttp.ErrTimeout), errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("no answer within %v", p.timeout)
	case errors.Is(err, io.EOF):
		return errors.New("the endpoint closed the connection without an answer")
	}
	return err
}

// ask writes a request and reads the answer; the connection is given back, or
// closed. It keeps the memory of the request for the next one.
func (c *plainConn) ask(out []byte, timeout time.Duration) (*Answer, error) {
	a, again, err := c.exchange(out, timeout)
	c.out = out
	c.pool.put(c, err == nil && again)
	return a, err
}

func (c *plainConn) exchange(out []byte, timeout time.Duration) (a *Answer, again bool, err error) {
	if err := c.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, false, err
	}
	if _, err := c.Write(out); err != nil {
		return nil, false, err
	}
	resp := &c.resp
	for {
		if twoLengths(c.in) {
			return nil, false, errTwoLengths
		}
		if err := resp.ReadLimitBody(c.in, maxAnswer); err != nil {
			return nil, false, err
		}
		if resp.StatusCode() >= 200 {
			break
		}
	}
	resp.Header.SetNoDefaultContentType(true) // none is none, and not text/plain
	a = &Answer{Status: resp.StatusCode(), Type: string(resp.Header.ContentType())}
	a.MediaType = mediaType(a.Type)
	if b := resp.Body(); len(b) > 0 {
		a.Body = append(make([]byte, 0, len(b)), b...)
	}
	if v := resp.Header.Peek("Retry-After"); len(v) > 0 {
		a.RetryAfter = retryAfter(string(v))
	}
	return a, !resp.ConnectionClose() && c.in.Buffered() == 0, nil
}
