package webhook

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// plainFor returns the fast client of an endpoint.
func plainFor(t *testing.T, e *Endpoint, target string) *plain {
	t.Helper()
	if e.Timeout == 0 {
		e.Timeout = 10 * time.Second
	}
	e.URL = target
	return client(t, e).plain
}

func client(t testing.TB, e *Endpoint) *Client {
	t.Helper()
	c, err := NewClient(e)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// noValues is for addresses without placeholders.
func noValues(string) string { return "" }

func noFields(func(name, value string)) {}

// raw answers each request with these bytes, one after the other, and closes
// the connection where they are empty.
func raw(t *testing.T, answers ...string) (target string, dialed *atomic.Int32) {
	t.Helper()
	return rawOver(t, "tcp", answers...)
}

// networks are those over which answers mean the same.
func networks() []string { return []string{"tcp", "unix"} }

// listen listens at an address of a network, and returns the URL of it.
func listen(t testing.TB, network string) (l net.Listener, target string) {
	t.Helper()
	at := "127.0.0.1:0"
	if network == "unix" {
		at = filepath.Join(t.TempDir(), "s")
	}
	l, err := net.Listen(network, at)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	if network == "unix" {
		return l, "unix:" + at + ":/hook?a=b"
	}
	return l, "http://" + l.Addr().String() + "/hook?a=b"
}

// rawOver is raw over a network.
func rawOver(t *testing.T, network string, answers ...string) (target string, dialed *atomic.Int32) {
	t.Helper()
	l, target := listen(t, network)
	dialed = new(atomic.Int32)
	var n atomic.Int32
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			dialed.Add(1)
			go func() {
				defer c.Close()
				in := bufio.NewReader(c)
				for {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					i := int(n.Add(1)) - 1
					if i >= len(answers) || answers[i] == "" {
						return
					}
					if _, err := io.WriteString(c, answers[i]); err != nil || strings.Contains(answers[i], "close") {
						return
					}
				}
			}()
		}
	}()
	return target, dialed
}

func TestPlainRequest(t *testing.T) {
	var got *http.Request
	var body []byte
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(503)
	}))
	defer srv.Close()
	e := &Endpoint{UserAgent: "stanzahook/1", Headers: http.Header{"User-Agent": {"x"}, "Accept": {"a"}, "Content-Type": {"c"}, "X-Two": {"1", "2"}}}
	p := plainFor(t, e, srv.URL+"/ho%20ok?a=b")
	a, err := p.post(noValues, func(add func(name, value string)) {
		add("Content-Type", mediaJSON)
		add("X-Bad", "a\r\nX-Smuggled: b")
	}, []byte("hello"), watch{})
	if err != nil || a.Status != 503 || a.RetryAfter != 7*time.Second {
		t.Fatalf("%+v %v", a, err)
	}
	want := http.Header{"Accept": {"a"}, "Accept-Encoding": {"identity"}, "Content-Length": {"5"}, "Content-Type": {mediaJSON}, "User-Agent": {"stanzahook/1"}, "X-Bad": {"a  X-Smuggled: b"}, "X-Two": {"1", "2"}}
	if fmt.Sprint(got.Header) != fmt.Sprint(want) || got.RequestURI != "/ho%20ok?a=b" || got.Host != strings.TrimPrefix(srv.URL, "http://") || string(body) != "hello" {
		t.Errorf("%s %s %v %q", got.Host, got.RequestURI, got.Header, body)
	}
}

// Connections are reused or not; what single answers mean is in oddAnswers.
func TestPlainAnswers(t *testing.T) {
	long := strings.Repeat("x", maxAnswer+1)
	for name, test := range map[string]struct {
		answers      []string
		want         string // status, media type and body of the last, or the error
		posts, dials int32
	}{
		"kept":              {[]string{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb"}, "200  b", 2, 1},
		"not kept":          {[]string{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\na", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb"}, "200  b", 2, 2},
		"more than asked":   {[]string{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb"}, "200  b", 2, 2},
		"gone while idle":   {[]string{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", "", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb"}, "200  b", 2, 2},
		"gone at once":      {[]string{""}, "the endpoint closed the connection without an answer", 1, 1},
		"too long a head":   {[]string{"HTTP/1.1 200 OK\r\nX: " + long[:80<<10] + "\r\nContent-Length: 0\r\n\r\n"}, "the head of the answer is longer than 64 KiB", 1, 1},
		"no answer in time": {[]string{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi"}, "no answer within", 1, 1},
	} {
		for _, network := range networks() {
			t.Run(name+"/"+network, func(t *testing.T) {
				target, dialed := rawOver(t, network, test.answers...)
				p := plainFor(t, &Endpoint{Timeout: 300 * time.Millisecond}, target)
				var a *Answer
				var err error
				for range test.posts {
					a, err = p.post(noValues, noFields, []byte("x"), watch{})
				}
				got := describeAnswer(a, err)
				if err == nil && got != test.want || !strings.Contains(got, test.want) {
					t.Errorf("got %q", got)
				}
				if n := dialed.Load(); n != test.dials {
					t.Errorf("%d connections", n)
				}
			})
		}
	}
}

func TestPlainPoolForgetsWhatIsIdle(t *testing.T) {
	target, _ := raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	p := plainFor(t, &Endpoint{}, target)
	if _, err := p.post(noValues, noFields, nil, watch{}); err != nil {
		t.Fatal(err)
	}
	p.pool.mu.Lock()
	if len(p.pool.idle) != 1 || p.pool.reaper == nil {
		t.Fatal("the connection is not kept")
	}
	p.pool.idle[0].since = time.Now().Add(-2 * plainIdle)
	p.pool.mu.Unlock()
	p.pool.reap()
	p.pool.mu.Lock()
	defer p.pool.mu.Unlock()
	if len(p.pool.idle) != 0 || len(p.pool.conns) != 0 || p.pool.reaper != nil {
		t.Errorf("%d idle, %d connections", len(p.pool.idle), len(p.pool.conns))
	}
}
