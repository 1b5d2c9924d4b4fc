package httpapi

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// A handler gets a body as it comes, with a bound and a deadline for each part; another body of
// the same route is read before.
func TestStream(t *testing.T) {
	serve := func(w http.ResponseWriter, r *http.Request) {
		s := StreamOf(r)
		if s == nil {
			_, _ = fmt.Fprint(w, "read before")
			return
		}
		data, err := io.ReadAll(s)
		_, _ = fmt.Fprint(w, len(data), Overlong(err), errors.Is(err, os.ErrDeadlineExceeded))
		if err == nil {
			return
		}
		s.Interrupt()
		if _, err := s.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("after the interruption: %v", err)
		}
	}
	most := func(r *http.Request) int64 {
		if r.Header.Get("X-Whole") != "" {
			return 0
		}
		return 1000
	}
	srv := httptest.NewServer(New(Options{NoAuth: true, Listen: "127.0.0.1:0", BodyTimeout: 100 * time.Millisecond}, Mount{Prefix: "/x", Routes: []Route{
		{Method: http.MethodPost, Path: "/x", Stream: most, Handler: http.HandlerFunc(serve)}}}))
	defer srv.Close()
	head := "POST /x HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	for _, c := range []struct{ request, want string }{
		{head + "Content-Length: 10\r\n\r\n0123456789", "10 false false"},
		{head + "X-Whole: 1\r\nContent-Length: 10\r\n\r\n0123456789", "read before"},
		{head + "Content-Length: 2000\r\n\r\n" + strings.Repeat("x", 2000), "1000 true false"},
		{head + "Transfer-Encoding: chunked\r\n\r\n7d0\r\n" + strings.Repeat("x", 2000) + "\r\n0\r\n\r\n", "1000 true false"},
		{head + "Content-Length: 10\r\n\r\n01234", "5 false true"},
	} {
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, c.request); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%.80q: %v", c.request, err)
		}
		text, err := io.ReadAll(resp.Body)
		if err != nil || string(text) != c.want {
			t.Errorf("%.80q: %s %v, want %s", c.request, text, err, c.want)
		}
		_ = resp.Body.Close()
		_ = conn.Close()
	}
}
