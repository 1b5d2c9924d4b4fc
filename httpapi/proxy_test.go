package httpapi_test

import (
	"net/netip"
	"testing"

	"stanzahook/httpapi"
)

func TestClientAddress(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	for _, c := range []struct {
		name    string
		trusted []netip.Prefix
		header  string
		want    string
	}{
		{"no proxy", nil, "", "127.0.0.1"},
		{"a header from anybody", nil, "192.0.2.1", "127.0.0.1"},
		{"a trusted proxy", trusted, "192.0.2.1", "192.0.2.1"},
		{"a trusted proxy without the header", trusted, "", "127.0.0.1"},
		{"what the client made up", trusted, "203.0.113.9, 192.0.2.1", "192.0.2.1"},
		{"two proxies", trusted, "203.0.113.9, 192.0.2.1, 10.1.1.1", "192.0.2.1"},
		{"only proxies", trusted, "10.1.1.2, 10.1.1.1", "10.1.1.2"},
		{"with a port", trusted, "192.0.2.1:1234", "192.0.2.1"},
		{"IPv6", trusted, "2001:db8::1", "2001:db8::1"},
		{"IPv6 with a port", trusted, "[2001:db8::1]:1234", "2001:db8::1"},
		{"IPv6 in brackets", trusted, "[2001:db8::1]", "2001:db8::1"},
		{"nonsense", trusted, "192.0.2.1, unknown", "127.0.0.1"},
		{"nonsense behind a proxy", trusted, "unknown, 10.1.1.1", "10.1.1.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := start(t, httpapi.Options{TrustedProxies: c.trusted}, ok)
			f.do(t, "POST", "/things", "", "X-Forwarded-For", c.header)
			if got := f.logs.FilterMessage("request").All()[0].ContextMap()["client"]; got != c.want {
				t.Errorf("%v", got)
			}
		})
	}
}

func TestBasePath(t *testing.T) {
	f := start(t, httpapi.Options{BasePath: "/xmpp/v2"}, ok)
	for path, status := range map[string]int{
		"/xmpp/v2/things/1": 200, "/xmpp/v2/things/a%20b": 200, "/xmpp/v2/healthz": 200,
		"/things/1": 404, "/healthz": 404, "/xmpp/v2": 404, "/xmpp/v2things/1": 404, "/xmpp/v2/nothing": 404, "/": 404,
	} {
		if resp, body := f.do(t, "GET", path, ""); resp.StatusCode != status {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	resp, body := f.do(t, "GET", "/things/1", "")
	isProblem(t, resp, body, 404)
}
