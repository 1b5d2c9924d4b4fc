package outbound_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"stanzahook/pkg/outbound"
)

// Reach connects and asks for nothing.
func TestReach(t *testing.T) {
	parse := func(text string) *url.URL {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	loopback := outbound.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
	nothing := outbound.NewGuard(nil)
	plain := serve(t, nil)
	secured := httptest.NewTLSServer(plain.Config.Handler)
	defer secured.Close()
	trusting := outbound.ClientOptions{TLS: secured.Client().Transport.(*http.Transport).TLSClientConfig}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	_ = l.Close()
	for _, c := range []struct {
		name  string
		guard *outbound.Guard
		o     outbound.ClientOptions
		url   string
		says  func(error) bool
	}{
		{"there", loopback, outbound.ClientOptions{}, plain.URL + "/hook?x={to}", func(err error) bool { return err == nil }},
		{"refused by the guard", nothing, outbound.ClientOptions{}, plain.URL, func(err error) bool { return errors.Is(err, outbound.ErrRefused) }},
		{"metadata", loopback, outbound.ClientOptions{}, "http://169.254.169.254/", func(err error) bool { return errors.Is(err, outbound.ErrRefused) }},
		{"nobody", loopback, outbound.ClientOptions{}, closed, func(err error) bool { return err != nil && !errors.Is(err, outbound.ErrRefused) }},
		{"TLS", loopback, trusting, secured.URL, func(err error) bool { return err == nil }},
		{"a certificate of nobody", loopback, outbound.ClientOptions{}, secured.URL, func(err error) bool {
			_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
			return unknown
		}},
		{"a proxy", loopback, outbound.ClientOptions{Proxy: parse(plain.URL)}, "http://192.0.2.1:9/", func(err error) bool { return errors.Is(err, outbound.ErrRefused) }},
		{"through a proxy", loopback, outbound.ClientOptions{Proxy: parse(plain.URL)}, "http://8.8.8.8:9/", func(err error) bool { return err == nil }},
		{"a proxy that is not there", loopback, outbound.ClientOptions{Proxy: parse(closed)}, "http://8.8.8.8:9/", func(err error) bool { return err != nil }},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if err := outbound.Reach(ctx, c.guard, c.o, parse(c.url)); !c.says(err) {
			t.Errorf("%s: %v", c.name, err)
		}
		cancel()
	}
	if n := plain.requests.Load(); n != 0 {
		t.Errorf("%d requests were made", n)
	}
}
