package roster_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"stanzahook/pkg/roster"
)

// An ETag that a server does not take back must not stand in the way for ever.
func TestETagThatIsNotTaken(t *testing.T) {
	for _, c := range []struct {
		name, known, given string // the ETag that is sent, and that of the answer
		status             int    // of a request with If-None-Match
		requests           string // their If-None-Match
		want               string
	}{
		{"taken", `"a"`, "", 304, `["a"]`, `not modified "a"`},
		{"bad request", `"a"`, `"b"`, 400, `["a" ]`, `"b"`},
		{"precondition", `"a"`, `"b"`, 412, `["a" ]`, `"b"`},
		{"too large", `"a"`, `"b"`, 413, `["a" ]`, `"b"`},
		{"fields too large", `"a"`, "", 431, `["a" ]`, ""},
		{"other failures", `"a"`, `"b"`, 500, `["a"]`, "the web application answered 500"},
		{"kept from before there was a bound", strings.Repeat("x", 1025), `"b"`, 431, `[]`, `"b"`},
		{"the longest", "", strings.Repeat("x", 1024), 0, `[]`, strings.Repeat("x", 1024)},
		{"too long", "", strings.Repeat("x", 1025), 0, `[]`, ""},
	} {
		var asked []string
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			etag := r.Header.Get("If-None-Match")
			asked = append(asked, etag)
			w.Header().Set("ETag", c.given)
			if etag != "" {
				w.WriteHeader(c.status)
				return
			}
			_, _ = w.Write([]byte("{}"))
		}))
		s := &roster.HTTPSource{URL: srv.URL + "/%s", Timeout: 10 * time.Second, Client: srv.Client()}
		got := ""
		switch w, err := s.Fetch(t.Context(), john, c.known); {
		case err != nil:
			got = err.Error()
		case w.NotModified:
			got = "not modified " + w.ETag
		default:
			got = w.ETag
		}
		if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" || fmt.Sprint(asked) != c.requests {
			t.Errorf("%s: asked %q, got %.60s", c.name, asked, got)
		}
		srv.Close()
	}
}
