package forward

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"net"
	"net/http"
	"sync"
	"time"

	"stanzahook/httpapi"
)

const (
	dialTimeout = time.Second
	// A connection whose other side does not answer ends after about this time.
	vanished  = 10 * time.Second
	idleConns = 100
	idleTime  = time.Minute // less than a server's
)

// targets has the connections to the active replica.
type targets struct {
	mu          sync.Mutex
	certificate string
	current     *http.Transport
}

// transport returns what connects to a replica with a certificate.
func (t *targets) transport(certificate string) *http.Transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current == nil || t.certificate != certificate {
		if t.current != nil {
			t.current.CloseIdleConnections()
		}
		t.certificate, t.current = certificate, newTransport(certificate)
	}
	return t.current
}

func (t *targets) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current != nil {
		t.current.CloseIdleConnections()
	}
}

// newTransport connects to replicas alone: no proxy of the environment is for them.
func newTransport(certificate string) *http.Transport {
	dialer := net.Dialer{Timeout: dialTimeout, Control: httpapi.EndAfter(vanished), KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: vanished / 2, Interval: vanished / 10, Count: 5}}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, addr)
		},
		TLSClientConfig:     &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(c tls.ConnectionState) error { return verify(&c, certificate) }, NextProtos: []string{"http/1.1"}},
		TLSHandshakeTimeout: dialTimeout, MaxIdleConnsPerHost: idleConns, IdleConnTimeout: idleTime,
		DisableCompression: true, // what the caller accepts goes on as it is
	}
}

// verify accepts the certificate that a replica has named over NATS, whoever has issued it and
// whatever names are in it; and one that the system trusts, for something in front of the replica.
func verify(c *tls.ConnectionState, certificate string) error {
	sum := sha256.Sum256(c.PeerCertificates[0].Raw)
	if certificate != "" && hex.EncodeToString(sum[:]) == certificate {
		return nil
	}
	chain := x509.NewCertPool()
	for _, one := range c.PeerCertificates[1:] {
		chain.AddCert(one)
	}
	_, err := c.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: c.ServerName, Intermediates: chain})
	return err
}
