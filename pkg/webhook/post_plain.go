package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"stanzahook/pkg/outbound"
)

const (
	plainDial   = 10 * time.Second
	plainIdle   = 90 * time.Second
	plainBuffer = 16 << 10 // bounds the header of an answer, in bytes
)

// plain makes the requests to endpoints with http URLs, which are bots beside
// us or in our network as a rule. It writes and reads on the goroutine that
// asks, where net/http hands each request on to two others: that halves the
// cost of an attempt, which is the largest part of a delivery. HTTP/1.1 with
// keep-alive only; everything else (TLS, HTTP/2, proxies) is net/http's.
type plain struct {
	host    *fasthttp.HostClient
	timeout time.Duration

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	over  bool
}

func newPlain(e *Endpoint, guard *outbound.Guard, u *url.URL) *plain {
	p := &plain{timeout: e.Timeout, conns: make(map[net.Conn]struct{})}
	addr := u.Host
	if u.Port() == "" {
		addr = net.JoinHostPort(u.Hostname(), "80")
	}
	dialer := outbound.NewDialer(guard, nil)
	p.host = &fasthttp.HostClient{
		Addr: addr,
		Dial: func(addr string) (net.Conn, error) { return p.dial(dialer, addr) },
		// Attempts are bounded by the slots; this is for test events besides.
		MaxConns:                      e.Concurrency + 64,
		MaxIdleConnDuration:           plainIdle,
		MaxResponseBodySize:           maxAnswer,
		ReadBufferSize:                plainBuffer,
		NoDefaultUserAgentHeader:      true,
		DisableHeaderNamesNormalizing: true,
		DisablePathNormalizing:        true,
		// A connection that was idle may be gone when it is used again. The
		// webhook-id tells a bot that did get both.
		MaxIdemponentCallAttempts: 2,
		RetryIfErr: func(_ *fasthttp.Request, _ int, err error) (resetTimeout, retry bool) {
			return false, errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
		},
	}
	return p
}

func (p *plain) dial(dialer *net.Dialer, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), min(plainDial, p.timeout))
	defer cancel()
	c, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		_ = c.Close()
		return nil, net.ErrClosed
	}
	kept := &keptConn{c, p}
	p.conns[kept] = struct{}{}
	return kept, nil
}

type keptConn struct {
	net.Conn
	p *plain
}

func (c *keptConn) Close() error {
	c.p.mu.Lock()
	delete(c.p.conns, c)
	c.p.mu.Unlock()
	return c.Conn.Close()
}

// abort breaks off what is under way.
func (p *plain) abort() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	for c := range p.conns {
		if k, ok := c.(*keptConn); ok {
			_ = k.Conn.Close() // whoever uses it will see
		}
	}
}

// post makes one request.
func (p *plain) post(u *url.URL, h http.Header, body []byte) (*Answer, error) {
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(resp)
	req.Header.DisableNormalizing()
	req.Header.SetMethod(http.MethodPost)
	req.URI().DisablePathNormalizing = true
	req.SetRequestURI(u.RequestURI())
	req.Header.SetHost(u.Host)
	for name, values := range h {
		for _, v := range values {
			req.Header.Add(name, v)
		}
	}
	req.SetBodyRaw(body)
	req.SetTimeout(p.timeout)
	if err := p.host.Do(req, resp); err != nil {
		switch {
		case errors.Is(err, fasthttp.ErrBodyTooLarge):
			return nil, errLongAnswer
		case errors.Is(err, fasthttp.ErrTimeout):
			return nil, fmt.Errorf("no answer within %v", p.timeout)
		case errors.Is(err, fasthttp.ErrConnectionClosed):
			return nil, errors.New("the endpoint closed the connection without an answer")
		}
		return nil, err
	}
	resp.Header.SetNoDefaultContentType(true) // none is none, and not text/plain
	a := &Answer{Status: resp.StatusCode(), MediaType: mediaType(string(resp.Header.ContentType()))}
	if b := resp.Body(); len(b) > 0 {
		a.Body = append(make([]byte, 0, len(b)), b...)
	}
	a.RetryAfter = retryAfter(string(resp.Header.Peek("Retry-After")))
	return a, nil
}
