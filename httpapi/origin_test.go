package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"stanzahook/httpapi"
)

// Requests that a page of another site makes a browser send are refused, whatever the
// browser adds by itself.
func TestCrossOrigin(t *testing.T) {
	const basic, bearer = "Basic b3BzOm9wcw==", "Bearer ops" // ops:ops
	for _, c := range []struct {
		name, site, origin, referer, authorization string
		status                                     int
	}{
		{"no browser", "", "", "", basic, 200},
		{"the same origin", "same-origin", "http://127.0.0.1:5290", "", basic, 200},
		{"typed by the user", "none", "", "", basic, 200},
		{"an old browser, the same origin", "", "http://127.0.0.1:5290", "", basic, 200},
		{"another site", "cross-site", "http://evil.example", "", basic, 403},
		{"another site, without an origin", "cross-site", "", "", basic, 403},
		{"another port of the same host", "same-site", "http://127.0.0.1:8080", "", basic, 403},
		{"an old browser, another site", "", "http://evil.example", "", basic, 403},
		{"a page without an origin", "", "null", "", basic, 403},
		{"an image in a page of another site", "", "", "http://evil.example/", basic, 403},
		{"an image in a page of ours", "", "", "http://127.0.0.1:5290/page", basic, 200},
		{"no credentials", "cross-site", "http://evil.example", "", "", 403},
		{"a token that the page has", "cross-site", "http://evil.example", "", bearer, 200},
	} {
		for _, method := range []string{"GET", "POST"} {
			for _, noAuth := range []bool{false, true} {
				h := httpapi.New(httpapi.Options{Tokens: tokensOf(map[string]string{"ops": ""}), NoAuth: noAuth}, mountOf(ok))
				path := map[string]string{"GET": "/things/1", "POST": "/things"}[method]
				w := ask(h, method, "http://127.0.0.1:5290"+path, "", "Sec-Fetch-Site", c.site, "Origin", c.origin, "Referer", c.referer, "Authorization", c.authorization)
				if w.Code != c.status {
					t.Errorf("%s, %s, no auth %v: %d, want %d", c.name, method, noAuth, w.Code, c.status)
				}
			}
		}
	}
}

// Without authentication, other host names are refused, except for open routes.
func TestHosts(t *testing.T) {
	for _, c := range []struct {
		host   string
		noAuth bool
		status int
	}{
		{"127.0.0.1:5290", true, 200}, {"127.8.9.1", true, 200}, {"[::1]:5290", true, 200}, {"localhost:5290", true, 200}, {"LOCALHOST.", true, 200},
		{"hook.localhost", true, 200}, {"bots.internal:5290", true, 200}, {"Hook.example.com", true, 200}, {"hook.example.com.:443", true, 200}, {"[2001:db8::1]", true, 200}, {"", true, 200},
		{"evil.example", true, 421}, {"evil.example:5290", true, 421}, {"127.0.0.1.evil.example", true, 421}, {"localhost.evil.example", true, 421}, {"192.0.2.1", true, 421}, {"x.hook.example.com", true, 421},
		{"evil.example", false, 200},
	} {
		o := httpapi.Options{NoAuth: c.noAuth, Listen: "bots.internal:5290", Hosts: []string{"hook.example.com", "2001:db8::1"}, Tokens: tokensOf(map[string]string{"ops": ""}),
			Open: []httpapi.Route{{Method: "GET", Path: "/metrics", Handler: http.HandlerFunc(ok)}}}
		s := httpapi.New(o, mountOf(ok))
		for path, status := range map[string]int{"/things/1": c.status, "/healthz": 200, "/readyz": 200, "/metrics": 200} {
			r := httptest.NewRequest("GET", path, nil)
			r.Host = c.host
			r.Header.Set("Authorization", "Bearer ops")
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != status {
				t.Errorf("%q %s: %d, want %d", c.host, path, w.Code, status)
			}
		}
	}
}
