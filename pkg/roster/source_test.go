package roster_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"net"
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

// sourceAt is a source that may be on loopback.
func sourceAt(url string) *roster.HTTPSource {
	guard := outbound.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
	return &roster.HTTPSource{URL: url, Timeout: 10 * time.Second, Client: outbound.NewClient(guard, outbound.ClientOptions{})}
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
		s := sourceAt(srv.URL + url)
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
		w, err := sourceAt(srv.URL+"/%s").Fetch(t.Context(), john, "")
		if want == "" && (err != nil || len(w.Roster) != 1) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, %v", coding, w.Roster, err)
		}
		srv.Close()
	}
}

// The source's request is what the web application expects.
func TestSourceRequest(t *testing.T) {
	var got []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Method+" "+r.RequestURI+" "+r.Header.Get("Authorization")+" "+r.Header.Get("Accept")+" "+r.Header.Get("User-Agent"))
		_, _ = w.Write([]byte("{}"))
	}))
	defer srv.Close()
	s := &roster.HTTPSource{URL: srv.URL + "/c/%s?u=%s&x=100%25", UserAgent: "stanzahook/test", Timeout: time.Second, Client: srv.Client(), Headers: http.Header{"Authorization": {"Bearer x"}}}
	for _, user := range []string{"john", "j+ö?%=#"} {
		if _, err := s.Fetch(t.Context(), jid.FromServer(user+"@example.com"), ""); err != nil {
			t.Error(err)
		}
	}
	want(t, "requests", strings.Join(got, "\n"), `GET /c/john?u=john&x=100%25 Bearer x application/json, text/plain, */* stanzahook/test
GET /c/j%2B%C3%B6%3F%25%3D%23?u=j%2B%C3%B6%3F%25%3D%23&x=100%25 Bearer x application/json, text/plain, */* stanzahook/test`)
}

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
		got := ""
		switch w, err := sourceAt(srv.URL+"/%s").Fetch(t.Context(), john, c.known); {
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

// A web application that answers one byte at a time, and never to the end, is given up
// when the timeout is over, wherever in its answer it is.
func TestSourceTrickles(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	for name, answer := range map[string]string{
		"status":  "HTTP/1.1 2" + strings.Repeat("0", 1<<20),
		"headers": head + strings.Repeat("X-Header: value\r\n", 1<<16),
		"body":    head + "Content-Length: 1048576\r\n\r\n" + `{"marie@example.com": {"name": "` + strings.Repeat("x", 1<<20),
		"chunks":  head + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1\r\n \r\n", 1<<17),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			left := make(chan int, 1)
			go func() {
				conn, err := l.Accept()
				if err != nil {
					return // the test is over
				}
				defer conn.Close()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
					t.Errorf("the request: %v", err)
				}
				n := 0
				for ; n < len(answer); n++ {
					if _, err := conn.Write([]byte{answer[n]}); err != nil {
						break
					}
					time.Sleep(time.Millisecond) // that is how it is
				}
				left <- n
			}()
			s := &roster.HTTPSource{URL: "http://" + l.Addr().String() + "/%s", Timeout: 200 * time.Millisecond, Client: http.DefaultClient}
			_, err = s.Fetch(t.Context(), john, "")
			if err == nil || !strings.Contains(err.Error(), "it took longer than 200ms (rosters[].timeout)") {
				t.Errorf("instead of the timeout: %v", err)
			}
			if n := <-left; n == 0 || n == len(answer) {
				t.Errorf("it had written %d bytes when it was left", n)
			}
		})
	}
}
