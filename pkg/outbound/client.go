package outbound

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// Bounds of a client. The context bounds a request as a whole.
const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	idleTimeout      = 90 * time.Second

	// MaxHeadBytes bounds the head of an answer, status line and header fields.
	MaxHeadBytes = 64 << 10
)

// ClientOptions are the options of a client. The zero value is a client without a
// proxy.
type ClientOptions struct {
	Proxy     *url.URL      // http or https, may have a user and a password; nil: none, also not that of the environment
	IdleConns int           // connections kept per host; 0: net/http's default, 2
	TLS       *tls.Config   // to the target; nil: the system's authorities, TLS 1.2 or newer
	Socket    string        // connect to this Unix socket, whatever the host of the URL, without a proxy; empty: none
	Resolver  *net.Resolver // nil: net.DefaultResolver
}

// NewClient returns an HTTP client that reaches only what the guard allows. It follows
// no redirects: a 3xx is an answer like any other. It does not request compressed
// answers, but decodes them ([Decode]). It does not reuse a connection that received
// unrequested bytes. Connecting and the TLS handshake may take 10 s each; for the rest
// give each request a context that ends. Errors for a refused address wrap
// [ErrRefused].
func NewClient(g *Guard, o ClientOptions) *http.Client {
	return &http.Client{
		Transport:     &transport{newTransport(g, o)},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// transport is http.Transport with the additions of [NewClient].
type transport struct{ *http.Transport }

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	trace := &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) {
		if got.Reused {
			closeUnlessSilent(got.Conn)
		}
	}}
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), trace))
	if r.Header.Get(acceptEncoding) == "" {
		r.Header = r.Header.Clone()
		if r.Header == nil {
			r.Header = make(http.Header)
		}
		r.Header.Set(acceptEncoding, Identity)
	}
	resp, err := t.Transport.RoundTrip(r)
	if err == nil {
		Decode(resp)
	}
	return resp, err
}

func newTransport(g *Guard, o ClientOptions) *http.Transport {
	dialer := NewDialer(g, o.Resolver)
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if o.Socket != "" {
			network, address = "unix", o.Socket
		}
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return watch(conn)
	}
	t := &http.Transport{
		DialContext:            dial,
		MaxIdleConnsPerHost:    o.IdleConns,
		IdleConnTimeout:        idleTimeout,
		TLSHandshakeTimeout:    handshakeTimeout,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: MaxHeadBytes,
	}
	if o.TLS != nil {
		t.TLSClientConfig = o.TLS.Clone()
	}
	if o.Proxy == nil || o.Socket != "" {
		return t
	}
	proxy := *o.Proxy
	t.Proxy = func(r *http.Request) (*url.URL, error) {
		if err := g.CheckProxied(r.Context(), o.Resolver, r.URL); err != nil {
			return nil, err
		}
		return &proxy, nil
	}
	if o.TLS != nil { // for the target, not for the proxy
		t.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
			defer cancel()
			c := tls.Client(conn, &tls.Config{MinVersion: tls.VersionTLS12, ServerName: proxy.Hostname()})
			if err := c.HandshakeContext(ctx); err != nil {
				_ = conn.Close() // the first error matters
				return nil, err
			}
			return c, nil
		}
	}
	return t
}

// NewDialer returns a dialer that checks each address after name resolution, before
// anything is sent to it. It skips refused addresses of a name. A nil resolver is
// net.DefaultResolver. It does not check Unix sockets: see the documentation of the
// package.
func NewDialer(g *Guard, resolver *net.Resolver) *net.Dialer {
	return &net.Dialer{
		Timeout:  dialTimeout,
		Resolver: resolver,
		ControlContext: func(_ context.Context, network, address string, _ syscall.RawConn) error {
			if network == "unix" {
				return nil
			}
			target, err := netip.ParseAddrPort(address)
			if err != nil {
				return refused(network + " " + address + " is no address of TCP")
			}
			return g.Check(target.Addr())
		},
	}
}
