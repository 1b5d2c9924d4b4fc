package outbound_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"stanzahook/pkg/outbound"
)

// server is an HTTP server on loopback that counts what reaches it.
type server struct {
	*httptest.Server
	connections, requests atomic.Int64
	lastURI               atomic.Value // string
}

func serve(t *testing.T, h http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		s.lastURI.Store(r.RequestURI)
		if h != nil {
			h(w, r)
		}
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.connections.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func get(t *testing.T, c *http.Client, address string) (int, error) {
	t.Helper()
	status, _, err := fetch(t, c, address)
	return status, err
}

func fetch(t *testing.T, c *http.Client, address string) (status int, body []byte, err error) {
	t.Helper()
	t.Cleanup(c.CloseIdleConnections)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	require.NoError(t, err)
	resp, err := c.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

// loopback is a client that may connect to loopback.
func loopback(o outbound.ClientOptions) *http.Client {
	return outbound.NewClient(loopbackGuard, o)
}

var loopbackGuard = outbound.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})

// resolver answers every name with these addresses, from a DNS server on
// loopback.
func resolver(t *testing.T, addrs ...[4]byte) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buffer[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Response, m.Additionals = true, nil
			q := m.Questions[0]
			if len(addrs) == 0 {
				m.RCode = dnsmessage.RCodeNameError
			}
			for _, a := range addrs {
				if q.Type == dnsmessage.TypeA {
					m.Answers = append(m.Answers, dnsmessage.Resource{
						Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
						Body:   &dnsmessage.AResource{A: a},
					})
				}
			}
			if answer, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func parse(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	require.NoError(t, err)
	return u
}

func portOf(t *testing.T, s *server) string { return parse(t, s.URL).Port() }

func TestRefusedAddressIsNotConnectedTo(t *testing.T) {
	s := serve(t, nil)
	strict := outbound.NewClient(outbound.NewGuard(nil), outbound.ClientOptions{})
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		_, err := get(t, strict, "http://"+host+":"+portOf(t, s)+"/")
		if !errors.Is(err, outbound.ErrRefused) {
			t.Errorf("%s: %v", host, err)
		}
	}
	// The one that is let through is the only one that was there.
	if status, err := get(t, loopback(outbound.ClientOptions{}), s.URL); status != 200 {
		t.Errorf("allowed: %d, %v", status, err)
	}
	if n := s.connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// What counts is what a name resolves to when it is connected to.
func TestNameOfARefusedAddress(t *testing.T) {
	s := serve(t, nil)
	o := outbound.ClientOptions{Resolver: resolver(t, [4]byte{127, 0, 0, 1})}
	address := "http://innocent.example.com:" + portOf(t, s) + "/"
	if _, err := get(t, outbound.NewClient(outbound.NewGuard(nil), o), address); !errors.Is(err, outbound.ErrRefused) {
		t.Errorf("got %v", err)
	}
	if n := s.connections.Load(); n != 0 {
		t.Fatalf("%d connections", n)
	}
	if status, err := get(t, loopback(o), address); status != 200 {
		t.Errorf("allowed: %d, %v", status, err)
	}
}

// A network error is none of the guard's.
func TestNetworkErrorIsNoRefusal(t *testing.T) {
	s := serve(t, nil)
	s.Close()
	_, err := get(t, loopback(outbound.ClientOptions{}), s.URL)
	if err == nil || errors.Is(err, outbound.ErrRefused) {
		t.Errorf("got %v", err)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	target := serve(t, nil)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, target.URL, http.StatusTemporaryRedirect)
	})
	status, err := get(t, loopback(outbound.ClientOptions{}), s.URL)
	if status != 307 || err != nil || target.connections.Load() != 0 {
		t.Errorf("%d, %v, %d connections to the target", status, err, target.connections.Load())
	}
}

func TestProxyOfTheEnvironmentIsIgnored(t *testing.T) {
	proxy, s := serve(t, nil), serve(t, nil)
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(name, proxy.URL)
	}
	// net/http never takes a proxy of the environment for loopback: the name
	// has to be another.
	o := outbound.ClientOptions{Resolver: resolver(t, [4]byte{127, 0, 0, 1})}
	c := loopback(o)
	if status, err := get(t, c, "http://example.com:"+portOf(t, s)+"/"); status != 200 || err != nil {
		t.Errorf("%d, %v", status, err)
	}
	if proxy.connections.Load() != 0 || s.requests.Load() != 1 {
		t.Errorf("%d connections to the proxy, %d requests at the server", proxy.connections.Load(), s.requests.Load())
	}
}

func TestConfiguredProxy(t *testing.T) {
	proxy := serve(t, nil)
	client := func(g *outbound.Guard, r *net.Resolver) *http.Client {
		return outbound.NewClient(g, outbound.ClientOptions{Proxy: parse(t, proxy.URL), Resolver: r})
	}
	public, private, unknown := resolver(t, [4]byte{8, 8, 8, 8}), resolver(t, [4]byte{8, 8, 8, 8}, [4]byte{10, 1, 2, 3}), resolver(t)
	for _, test := range []struct {
		name     string
		client   *http.Client
		url      string
		passes   bool
		wantWhat string
	}{
		{"public name", client(loopbackGuard, public), "http://example.com/a", true, ""},
		{"public address", client(loopbackGuard, public), "http://9.9.9.9/b", true, ""},
		{"name not known here", client(loopbackGuard, unknown), "http://inside.example.com/c", true, ""},
		{"one address of the name is private", client(loopbackGuard, private), "http://example.com/", false, "10.1.2.3"},
		{"private address", client(loopbackGuard, public), "http://10.1.2.3/", false, "10.1.2.3"},
		{"metadata", client(loopbackGuard, public), "http://169.254.169.254/", false, "always refused"},
		{"address in digits of another script", client(loopbackGuard, public), "http://１６９.254.169.254/", false, "always refused"},
		{"address that only the proxy would know", client(loopbackGuard, unknown), "http://0x7f.1/", false, "four decimal numbers"},
		{"tunnel to a private address", client(loopbackGuard, public), "https://10.1.2.3/", false, "10.1.2.3"},
		{"proxy itself not allowed", client(outbound.NewGuard(nil), public), "http://example.com/", false, "loopback"},
	} {
		before := proxy.requests.Load()
		status, err := get(t, test.client, test.url)
		if test.passes {
			if status != 200 || err != nil || proxy.requests.Load() != before+1 || proxy.lastURI.Load() != test.url {
				t.Errorf("%s: %d, %v; the proxy was asked for %v", test.name, status, err, proxy.lastURI.Load())
			}
			continue
		}
		if !errors.Is(err, outbound.ErrRefused) || !strings.Contains(err.Error(), test.wantWhat) || proxy.requests.Load() != before {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestClientWithTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(s.Close)
	trusting := &tls.Config{RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, MinVersion: tls.VersionTLS12}
	if status, err := get(t, loopback(outbound.ClientOptions{TLS: trusting}), s.URL); status != 200 || err != nil {
		t.Errorf("%d, %v", status, err)
	}
	if _, err := get(t, loopback(outbound.ClientOptions{}), s.URL); err == nil {
		t.Error("an unknown authority is trusted")
	}
}

func TestCheckProxied(t *testing.T) {
	public, mixed, private, unknown := resolver(t, [4]byte{8, 8, 8, 8}), resolver(t, [4]byte{10, 1, 2, 3}, [4]byte{8, 8, 8, 8}),
		resolver(t, [4]byte{10, 1, 2, 3}, [4]byte{169, 254, 169, 254}), resolver(t)
	for _, test := range []struct {
		url      string
		resolver *net.Resolver
		want     string // of the error; "" for none
	}{
		{"http://example.com/", public, ""},
		{"http://bücher.example/", public, ""},
		{"http://example.com/", mixed, `"example.com": 10.1.2.3 is a private address`}, // to which of them the proxy connects is unknown
		{"http://example.com/", private, `"example.com": 10.1.2.3 is a private address`},
		{"http://example.com/", unknown, ""},    // perhaps the proxy knows it
		{"http://127.0.0.1:8080/", unknown, ""}, // no DNS for literal addresses
		{"http://[::1]:8080/", unknown, "::1 is a loopback address"},
		{"http://[fe80::1%25eth0]/", unknown, "always refused"},
		{"http://10.1.2.3./", unknown, "10.1.2.3 is a private address"},
		{"http://2130706433/", unknown, "four decimal numbers"},
		{"http://127.1/", unknown, "four decimal numbers"},
		{"http://0x7f000001/", unknown, "four decimal numbers"},
		{"http:///", unknown, "no host"},
	} {
		err := loopbackGuard.CheckProxied(t.Context(), test.resolver, parse(t, test.url))
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.url, err, test.want)
		}
		if err != nil && !errors.Is(err, outbound.ErrRefused) {
			t.Errorf("%s: %v is no refusal", test.url, err)
		}
	}
}

func TestCheckHostAsksNoDNS(t *testing.T) {
	g := outbound.NewGuard(networks(t, "::1"))
	for host, want := range map[string]bool{
		"example.com": true, "localhost": true, "LOCALHOST.": true, "bot.localhost": true, "::1": true, "8.8.8.8": true,
		"127.0.0.1": false, "fe80::1": false, "0177.0.0.1": false, "": false, ".": false, "a.b.1": false, "x1": true, "0xyz": true, "a.0x": false,
	} {
		if err := g.CheckHost(host); (err == nil) != want || err != nil && !errors.Is(err, outbound.ErrRefused) {
			t.Errorf("%q: %v", host, err)
		}
	}
	if err := outbound.NewGuard(nil).CheckHost("localhost"); !errors.Is(err, outbound.ErrRefused) {
		t.Errorf("localhost where no loopback is allowed: %v", err)
	}
}
