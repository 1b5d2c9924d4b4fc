package config

import (
	"net"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIsOurs(t *testing.T) {
	for _, test := range []struct {
		listen, address string
		want            bool
	}{
		{"127.0.0.1:5290", "127.0.0.1:5290", true},
		{"127.0.0.1:5290", "127.0.0.1:5291", false},
		{"127.0.0.1:5290", "localhost:5290", true},
		{"localhost:5290", "127.0.0.1:5290", true},
		{"127.0.0.1:5290", "127.0.0.2:5290", false}, // another address of this machine
		{"127.0.0.1:5290", "example.com:5290", false},
		{"bots.example.com:5290", "BOTS.example.com:5290", true},
		{":5290", "127.0.0.1:5290", true},
		{"0.0.0.0:5290", "localhost:5290", true},
		{"[::]:5290", "[::1]:5290", true},
		{":5290", "example.com:5290", false},
		{"127.0.0.1:0", "127.0.0.1:0", false}, // a free port is none yet
		{"nonsense", "127.0.0.1:5290", false},
	} {
		h := HTTP{Listen: test.listen}
		host, port, err := net.SplitHostPort(test.address)
		require.NoError(t, err)
		if got := h.isOurs(host, port); got != test.want {
			t.Errorf("listening on %s, %s is ours: %v", test.listen, test.address, got)
		}
	}
}

func TestInsecureNoAuthOnLoopback(t *testing.T) {
	for listen, want := range map[string]bool{
		"127.0.0.1:80": true, "127.8.9.1:80": true, "[::1]:80": true, "localhost:80": true, "[::ffff:127.0.0.1]:80": true,
		"0.0.0.0:80": false, ":80": false, "[::]:80": false, "192.168.0.1:80": false, "example.com:80": false,
		"localhost.example.com:80": false,
	} {
		_, err := Parse("x.yaml", []byte(minimal+"http: {insecure_no_auth: true, listen: '"+listen+"'}\n"), nil)
		if got := err == nil; got != want {
			t.Errorf("%s: accepted is %v (%v)", listen, got, err)
		}
	}
}

func TestEndpointURLs(t *testing.T) {
	for text, want := range map[string]bool{
		"http://127.0.0.1:8080/hook": true, "https://example.com": true, "http://[::1]/": true, "HTTP://example.com/": true,
		"http://example.com/{to}/{from}?k={kind}&t={type}": true, "http://10.0.0.1/": true, "http://example.com/%7Bx%7D": true,
		"http://example.com:65535/": true,
		"":                          false, "example.com": false, "//example.com/": false, "http://": false, "http:///x": false, "http://:80/": false,
		"mailto:a@example.com": false, "http:example.com": false, "http://example.com:0/": false, "http://example.com:x/": false,
		"http://a b/": false, "http://example.com/a b": false, "http://example.com/\n": false,
		"http://u@example.com/": false, "http://example.com/#": false, "http://example.com/{": false, "http://example.com/{TO}": false,
	} {
		u, err := parseEndpointURL(text)
		if got := err == nil; got != want || got != (u != nil) {
			t.Errorf("%q: %v, %v", text, u, err)
		}
	}
}

// The literal addresses of endpoints, without and with a list of networks.
func TestReachableEndpoints(t *testing.T) {
	for host, want := range map[string][2]bool{
		"127.0.0.1": {true, false}, "[::1]": {true, false}, "localhost": {true, false}, "8.8.8.8": {true, true}, "example.com": {true, true},
		"10.1.2.3": {false, true}, "10.1.2.4": {false, false}, "[64:ff9b::10.1.2.3]": {false, true}, "[fd12::1]": {false, true},
		"0.0.0.0": {false, false}, "[fe80::1]": {false, false}, "[::ffff:169.254.169.254]": {false, false}, "[fd00:ec2::254]": {false, false},
		"2130706433": {false, false}, "bot": {true, true},
	} {
		endpoints := "endpoints:\n  - {name: a, url: 'http://" + host + ":8080/'}\n"
		for i, list := range []string{"", "outbound: {allow_networks: [10.1.2.3, 'fd12::/16']}\n"} {
			_, err := Parse("x.yaml", []byte(minimal+endpoints+list), nil)
			if got := err == nil; got != want[i] {
				t.Errorf("%s with %q: accepted is %v (%v)", host, list, got, err)
			}
		}
	}
}

func TestProxyURL(t *testing.T) {
	c := load(t, "full.yaml")
	if got := c.Outbound.ProxyURL().String(); got != "http://app:hunter5@10.1.2.3:3128" {
		t.Errorf("got %s", got)
	}
	if got := load(t, "minimal.yaml").Outbound.ProxyURL(); got != nil {
		t.Errorf("no proxy is %v", got)
	}
	for text, want := range map[string]bool{
		"http://proxy.example.com:3128": true, "https://proxy.example.com/": true, "http://u:p@127.0.0.1:1": true, "http://[::1]:3128": true,
		"proxy.example.com:3128": false, "socks5://127.0.0.1:1080": false, "http://": false, "http://127.0.0.1:0": false,
		"http://127.0.0.1/x": false, "http://127.0.0.1/?x": false, "http://127.0.0.1/#x": false, "http://127.0.0.1:1\n": false,
		"http://169.254.1.1:1": false, "http://192.168.0.1:1": false,
	} {
		_, err := Parse("x.yaml", []byte(minimal), []string{"STANZAHOOK_OUTBOUND_PROXY=" + text})
		if got := err == nil; got != want {
			t.Errorf("%q: accepted is %v (%v)", text, got, err)
		}
	}
}

func TestPortOf(t *testing.T) {
	for text, want := range map[string]string{"http://a/": "80", "https://a/": "443", "http://a:81/": "81", "http://[::1]:82/": "82"} {
		u, err := url.Parse(text)
		require.NoError(t, err)
		if got := portOf(u); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
}
