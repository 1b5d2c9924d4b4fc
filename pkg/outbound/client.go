package outbound

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
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
	maxHeaderBytes   = 1 << 20
)

// ClientOptions are the settings of a client. The zero value is one without a
// proxy.
type ClientOptions struct {
	Proxy     *url.URL      // http or https, may have a user and a password; nil: none, whatever the environment says
	IdleConns int           // connections kept per host; 0: net/http's default, 2
	TLS       *tls.Config   // nil: the system's authorities, TLS 1.2 or newer
	Resolver  *net.Resolver // nil: net.DefaultResolver
}

// NewClient returns an HTTP client that reaches only what the guard allows. It
// follows no redirects: a 3xx is an answer like others. It does not ask for
// compressed answers. It has no time limit of its own but 10 s to connect and
// 10 s for the TLS handshake; give each request a context that ends. Errors
// over a refused address wrap [ErrRefused].
func NewClient(g *Guard, o ClientOptions) *http.Client {
	return &http.Client{
		Transport:     NewTransport(g, o),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// NewTransport returns the transport of [NewClient].
func NewTransport(g *Guard, o ClientOptions) *http.Transport {
	t := &http.Transport{
		DialContext:            NewDialer(g, o.Resolver).DialContext,
		MaxIdleConnsPerHost:    o.IdleConns,
		IdleConnTimeout:        idleTimeout,
		TLSHandshakeTimeout:    handshakeTimeout,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
	if o.TLS != nil {
		t.TLSClientConfig = o.TLS.Clone()
	}
	if o.Proxy != nil {
		proxy := *o.Proxy
		t.Proxy = func(r *http.Request) (*url.URL, error) {
			if err := g.CheckProxied(r.Context(), o.Resolver, r.URL); err != nil {
				return nil, err
			}
			return &proxy, nil
		}
	}
	return t
}

// NewDialer returns a dialer that checks each address after name resolution,
// when its socket is there and nothing has been sent yet. Of a name with several
// addresses it passes over those that are refused. A nil resolver is
// net.DefaultResolver.
func NewDialer(g *Guard, resolver *net.Resolver) *net.Dialer {
	return &net.Dialer{
		Timeout:  dialTimeout,
		Resolver: resolver,
		ControlContext: func(_ context.Context, network, address string, _ syscall.RawConn) error {
			target, err := netip.ParseAddrPort(address)
			if err != nil {
				return refused(network + " " + address + " is no address of TCP")
			}
			return g.Check(target.Addr())
		},
	}
}
