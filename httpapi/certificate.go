package httpapi

import (
	"crypto/tls"
	"fmt"
	"sync/atomic"
)

// certificate is the server's own, which can be read again while it serves.
type certificate struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
}

func (c *certificate) load() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("http.tls: the certificate in %s and its key in %s cannot be used: %w", c.certFile, c.keyFile, err)
	}
	c.current.Store(&pair)
	return nil
}

// config is TLS 1.2 and newer (RFC 9325 section 3.1), HTTP/1.1 only: HTTP/2 would
// bring many requests into one connection, past the bounds on those.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.current.Load(), nil
		},
	}
}
