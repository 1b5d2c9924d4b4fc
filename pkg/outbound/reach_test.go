package outbound_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"stanzahook/pkg/outbound"
)

// Reach connects and asks for nothing.
func TestReach(t *testing.T) {
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
		{"there", loopbackGuard, outbound.ClientOptions{}, plain.URL + "/hook?x={to}", func(err error) bool { return err == nil }},
		{"refused by the guard", nothing, outbound.ClientOptions{}, plain.URL, func(err error) bool { return errors.Is(err, outbound.ErrRefused) }},
		{"metadata", loopbackGuard, outbound.ClientOptions{}, "http://169.254.169.254/", func(err error) bool { return errors.Is(err, outbound.ErrRefused) }},
		{"nobody", loopbackGuard, outbound.ClientOptions{}, closed, func(err error) bool { return err != nil && !errors.Is(err, outbound.ErrRefused) }},
		{"TLS", loopbackGuard, trusting, secured.URL, func(err error) bool { return err == nil }},
		{"a certificate of nobody", loopbackGuard, outbound.ClientOptions{}, secured.URL, func(err error) bool {
			_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
			return unknown
		}},
		{"a proxy", loopbackGuard, outbound.ClientOptions{Proxy: parse(t, plain.URL)}, "http://192.0.2.1:9/", func(err error) bool { return errors.Is(err, outbound.ErrRefused) }},
		{"through a proxy", loopbackGuard, outbound.ClientOptions{Proxy: parse(t, plain.URL)}, "http://8.8.8.8:9/", func(err error) bool { return err == nil }},
		{"a proxy that is not there", loopbackGuard, outbound.ClientOptions{Proxy: parse(t, closed)}, "http://8.8.8.8:9/", func(err error) bool { return err != nil }},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if err := outbound.Reach(ctx, c.guard, c.o, parse(t, c.url)); !c.says(err) {
			t.Errorf("%s: %v", c.name, err)
		}
		cancel()
	}
	if n := plain.requests.Load(); n != 0 {
		t.Errorf("%d requests were made", n)
	}
}
