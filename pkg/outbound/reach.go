package outbound

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
)

// Reach connects to the target of a URL as the client of [NewClient] does, with TLS
// for https, and closes the connection: its error is what a request would meet before
// its first byte. It connects to the socket of [ClientOptions.Socket] or, after the
// check of the URL's host, to the proxy; what is behind a proxy stays unknown. An
// error for a refused address wraps [ErrRefused]; see [Explain] for a port without
// TLS. Give it a context that ends.
func Reach(ctx context.Context, g *Guard, o ClientOptions, u *url.URL) error {
	if o.Socket != "" {
		conn, err := NewDialer(g, nil).DialContext(ctx, "unix", o.Socket)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	if o.Proxy != nil {
		if err := g.CheckProxied(ctx, o.Resolver, u); err != nil {
			return err
		}
		u, o.TLS = o.Proxy, nil // as the client does
	}
	host, port := ascii(u.Hostname()), u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	conn, err := NewDialer(g, o.Resolver).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return err
	}
	defer conn.Close()
	if u.Scheme != "https" {
		return nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.TLS != nil {
		config = o.TLS.Clone()
	}
	if config.ServerName == "" {
		config.ServerName = host
	}
	config.NextProtos = []string{"h2", "http/1.1"}
	return Explain(tls.Client(conn, config).HandshakeContext(ctx))
}
