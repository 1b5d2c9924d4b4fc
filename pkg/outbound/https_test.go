package outbound_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
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
	status, body, err := fetch(t, loopback(outbound.ClientOptions{}), strings.Replace(server.URL, "https:", "http:", 1))
	if err != nil || !outbound.WantsTLS(status, body) {
		t.Errorf("%v, %v, %q", status, err, body)
	}
	if outbound.WantsTLS(400, []byte("bad request")) || outbound.WantsTLS(200, body) {
		t.Error("other answers are taken for it")
	}

	_, err = get(t, loopback(outbound.ClientOptions{}), "http://"+listenBytes(t, "\x15\x03\x01\x00\x02\x02\x46")+"/")
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
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, c := range []struct {
		name, address string
		is            bool
	}{
		{"a server of Go", strings.TrimPrefix(plain.URL, "http://"), true},
		{"a page alone", listenBytes(t, "<!DOCTYPE HTML>\n<html>"), true},
		{"SSH", listenBytes(t, "SSH-2.0-OpenSSH\r\n"), false},
	} {
		address := "https://" + c.address + "/"
		_, err := get(t, loopback(outbound.ClientOptions{}), address)
		if got := outbound.Explain(err); (got == outbound.ErrSpeaksHTTP) != c.is {
			t.Errorf("%s: the client says %v", c.name, got)
		}
		if got := outbound.Reach(ctx, loopbackGuard, outbound.ClientOptions{}, parse(t, address)); got == nil || (got == outbound.ErrSpeaksHTTP) != c.is {
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
