package roster_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/roster"
)

func loopbackClient(o outbound.ClientOptions) *http.Client {
	return outbound.NewClient(outbound.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}), o)
}

// A user "..", who may log in, does not choose the path that is asked with the
// operator's credentials.
func TestUserWhoIsADotSegment(t *testing.T) {
	asked := ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.RequestURI
		_, _ = w.Write([]byte("{}"))
	}))
	defer srv.Close()
	for url, users := range map[string]map[string]string{
		"/users/%s/contacts": {".": "", "..": "", "...": "/users/.../contacts", "a..": "/users/a../contacts"},
		"/users/%s":          {"..": ""},
		"/users/.%s":         {".": "", "..": "/users/..."},
		"/contacts?user=%s":  {"..": "/contacts?user=.."},
		"/é|/%s":             {"..": "", "a b?&": "/%C3%A9%7C/a%20b%3F%26"},
	} {
		s := &roster.HTTPSource{URL: srv.URL + url, Timeout: 10 * time.Second, Client: loopbackClient(outbound.ClientOptions{})}
		for user, want := range users {
			asked = ""
			_, err := s.Fetch(t.Context(), jid.FromServer(user+"@example.com"), "")
			if asked != want || (err != nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), "the web application was not asked") {
				t.Errorf("%s with %q: asked for %q, %v", url, user, asked, err)
			}
		}
	}
}

// Applications that compress though nobody asked.
func TestCompressedRoster(t *testing.T) {
	for coding, want := range map[string]string{"gzip": "", "br": "cannot be read: the answer has Content-Encoding: br"} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Accept-Encoding") != "identity" {
				t.Errorf("Accept-Encoding: %q", r.Header.Get("Accept-Encoding"))
			}
			w.Header().Set("Content-Encoding", coding)
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			_, _ = z.Write([]byte(`{"marie@example.com": {}}`))
			_ = z.Close()
			_, _ = w.Write(b.Bytes())
		}))
		s := &roster.HTTPSource{URL: srv.URL + "/%s", Timeout: 10 * time.Second, Client: loopbackClient(outbound.ClientOptions{})}
		w, err := s.Fetch(t.Context(), john, "")
		if want == "" && (err != nil || len(w.Roster) != 1) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, %v", coding, w.Roster, err)
		}
		srv.Close()
	}
}
