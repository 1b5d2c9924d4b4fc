package outbound_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"stanzahook/pkg/outbound"
)

// A port for TLS that is asked in the clear is named as such, whether it answers with
// an alert or, as Go's server does, with a text.
func TestWantsTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	client := outbound.NewClient(outbound.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}), outbound.ClientOptions{})
	get := func(url string) (*http.Response, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		t.Cleanup(cancel)
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		return client.Do(r)
	}
	resp, err := get(strings.Replace(server.URL, "https:", "http:", 1))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || !outbound.WantsTLS(resp.StatusCode, body) {
		t.Errorf("%v, %v, %q", resp.StatusCode, err, body)
	}
	if outbound.WantsTLS(400, []byte("bad request")) || outbound.WantsTLS(200, body) {
		t.Error("other answers are taken for it")
	}

	_, err = get("http://" + serveBytes(t, "\x15\x03\x01\x00\x02\x02\x46") + "/")
	if got := outbound.Explain(err); got != outbound.ErrWantsTLS {
		t.Errorf("got %v", got)
	}
	if got := outbound.Explain(io.EOF); got != io.EOF {
		t.Errorf("got %v", got)
	}
}

// A port for HTTP that is asked with TLS is named as such, by a client and by Reach,
// whether it answers with a head or with a page alone.
func TestSpeaksHTTP(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	guard := outbound.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, c := range []struct {
		name, address string
		is            bool
	}{
		{"a server of Go", strings.TrimPrefix(plain.URL, "http://"), true},
		{"a page alone", listenBytes(t, "<!DOCTYPE HTML>\n<html>"), true},
		{"SSH", listenBytes(t, "SSH-2.0-OpenSSH\r\n"), false},
	} {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+c.address+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := outbound.NewClient(guard, outbound.ClientOptions{}).Do(r)
		if err == nil {
			resp.Body.Close()
		}
		if got := outbound.Explain(err); (got == outbound.ErrSpeaksHTTP) != c.is {
			t.Errorf("%s: the client says %v", c.name, got)
		}
		if got := outbound.Reach(ctx, guard, outbound.ClientOptions{}, r.URL); got == nil || (got == outbound.ErrSpeaksHTTP) != c.is {
			t.Errorf("%s: Reach says %v", c.name, got)
		}
	}
}

// listenBytes answers every connection with these bytes, once it has read some.
func listenBytes(t *testing.T, answer string) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 64<<10))
			_, _ = io.WriteString(conn, answer)
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}

// serveBytes answers whatever comes with these bytes, and closes the connection.
func serveBytes(t *testing.T, answer string) (address string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, answer)
		_ = conn.Close()
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}
