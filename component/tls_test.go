package component_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/pkg/account/accounttest"
)

// secured puts TLS in front of a server, with a certificate of its own CA for
// a name, and returns the address and the CA.
func secured(t *testing.T, srv *componenttest.Server, name string) (string, *x509.CertPool) {
	t.Helper()
	cert, cas := accounttest.NewCertificate(t, name)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { pipe(c, srv.Addr()) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return l.Addr().String(), cas
}

// pipe joins a connection with another to addr until one of them ends.
func pipe(c net.Conn, addr string) {
	defer c.Close()
	d, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer d.Close()
	done := make(chan struct{}, 2)
	go func() { _, _ = io.Copy(c, d); done <- struct{}{} }()
	go func() { _, _ = io.Copy(d, c); done <- struct{}{} }()
	<-done
}

func TestTLS(t *testing.T) {
	for _, tc := range []struct {
		name string
		tls  func(cas *x509.CertPool) *tls.Config
		want string // in the reason; empty: connected
	}{
		{"private CA", func(cas *x509.CertPool) *tls.Config { return &tls.Config{RootCAs: cas, ServerName: "xmpp.example.com"} }, ""},
		{"unknown CA", func(*x509.CertPool) *tls.Config { return &tls.Config{ServerName: "xmpp.example.com"} }, "is not trusted"},
		{"wrong name", func(cas *x509.CertPool) *tls.Config {
			return &tls.Config{RootCAs: cas, ServerName: "other.example.com"}
		}, "is for another name"},
		{"expired", func(cas *x509.CertPool) *tls.Config {
			return &tls.Config{RootCAs: cas, ServerName: "xmpp.example.com", Time: func() time.Time { return time.Now().Add(2 * time.Hour) }}
		}, "renew it there"},
		{"plain to TLS", func(*x509.CertPool) *tls.Config { return nil }, "components[]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv := componenttest.NewServer(t, domain, "secret")
			addr, cas := secured(t, srv, "xmpp.example.com")
			f := run(srv, component.Options{Addr: addr, TLS: tc.tls(cas)})
			if tc.want == "" {
				componenttest.Eventually(t, "connected", f.Connected)
				return
			}
			componenttest.Eventually(t, "reason", func() bool { return strings.Contains(f.Status().Reason, tc.want) })
			if f.Status().State != component.Down {
				t.Errorf("state %s", f.Status().State)
			}
		})
	}
	t.Run("another CA", func(t *testing.T) {
		srv := componenttest.NewServer(t, domain, "secret")
		addr, cas := secured(t, srv, "xmpp.example.com")
		f := run(srv, component.Options{Addr: addr, TLS: &tls.Config{ServerName: "xmpp.example.com"}, Pace: component.Pace{First: time.Hour, Max: time.Hour, MaxSlow: time.Hour}})
		componenttest.Eventually(t, "reason", func() bool { return strings.Contains(f.Status().Reason, "is not trusted") })
		componenttest.Eventually(t, "the second attempt is over", func() bool { return f.Counters.Reconnects.Load() >= 2 })
		f.Trust(cas)
		componenttest.Eventually(t, "connected", f.Connected)
	})
	t.Run("TLS to plain", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = io.WriteString(c, "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams'>") // as Prosody does for what is no XML
				_ = c.Close()
			}
		}()
		srv := componenttest.NewServer(t, domain, "secret")
		f := run(srv, component.Options{Addr: l.Addr().String(), TLS: &tls.Config{ServerName: "xmpp.example.com"}})
		componenttest.Eventually(t, "reason", func() bool { return strings.Contains(f.Status().Reason, "set components[].tls.mode to none") })
	})
}
