package httpapi

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"sync/atomic"
)

// certificate is that of the server, which a reload replaces.
type certificate struct {
	current atomic.Pointer[tls.Certificate]
}

func (c *certificate) load(certFile, keyFile string) error {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return fmt.Errorf("http.tls: the certificate in %s and its key in %s cannot be used: %w", certFile, keyFile, err)
	}
	c.current.Store(&pair)
	return nil
}

// config allows TLS 1.2 and newer (RFC 9325 section 3.1) and only HTTP/1.1: HTTP/2 would
// bring many requests into one connection, past the bounds of connections.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.current.Load(), nil
		},
	}
}

// Fingerprint returns the SHA-256 of the certificate, in hexadecimal; empty without TLS.
func (s *Server) Fingerprint() string {
	if s.certificate == nil {
		return ""
	}
	sum := sha256.Sum256(s.certificate.current.Load().Certificate[0])
	return hex.EncodeToString(sum[:])
}
