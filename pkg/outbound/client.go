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

// The bounds of a client. A request as a whole is bounded by its context.
const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	idleTimeout      = 90 * time.Second

	// MaxHeadBytes bounds the head of an answer, status line and header fields.
	MaxHeadBytes = 64 << 10
)

// ClientOptions are the settings of a client. The zero value is one without a
// proxy.
type ClientOptions struct {
	Proxy     *url.URL      // http or https, may have a user and a password; nil: none, whatever the environment says
	IdleConns int           // connections kept per host; 0: net/http's default, 2
	TLS       *tls.Config   // to the target; nil: the system's authorities, TLS 1.2 or newer
	Socket    string        // connect to this socket of the machine, whatever the URL's host, without a proxy; empty: none
	Resolver  *net.Resolver // nil: net.DefaultResolver
}

// NewClient returns an HTTP client that reaches only what the guard allows. It
// follows no redirects: a 3xx is an answer like others. It does not ask for
// compressed answers, and reads those that come all the same ([Decode]). A
// connection is not used again when something has come over it that nobody asked
// for. It has no time limit of its own but 10 s to connect and 10 s for the TLS
// handshake; give each request a context that ends. Errors over a refused address
// wrap [ErrRefused].
func NewClient(g *Guard, o ClientOptions) *http.Client {
	return &http.Client{
		Transport:     &transport{newTransport(g, o)},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// transport is net/http's, with what [NewClient] says besides.
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
	if o.TLS != nil { // is for the target; the proxy is none of its authorities' business
		t.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
			defer cancel()
			c := tls.Client(conn, &tls.Config{MinVersion: tls.VersionTLS12, ServerName: proxy.Hostname()})
			if err := c.HandshakeContext(ctx); err != nil {
				_ = conn.Close() // the first error is the one that matters
				return nil, err
			}
			return c, nil
		}
	}
	return t
}

// NewDialer returns a dialer that checks each address after name resolution,
// when its socket is there and nothing has been sent yet. Of a name with several
// addresses it passes over those that are refused. A nil resolver is
// net.DefaultResolver. A socket of the machine (network unix) is not checked: see
// the package's documentation.
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
