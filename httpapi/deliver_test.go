package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/httpapi"
)

// Deliver reports whether the caller has the whole answer: one that reads has it, also if it
// closes then; one that reads nothing and goes has not.
func TestDeliver(t *testing.T) {
	taken := make(chan bool)
	body := bytes.Repeat([]byte("x"), 4<<20)
	serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		taken <- httpapi.Deliver(w, r, http.StatusOK, "text/plain", body)
	})
	s := httpapi.NewServer(httpapi.New(httpapi.Options{Listen: "127.0.0.1:0", NoAuth: true}, httpapi.Mount{Prefix: "/v1", Routes: []httpapi.Route{{Method: "GET", Path: "/v1/x", Handler: serve}}}))
	addr, err := s.Start()
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Stop(context.Background()) })
	ask := func() net.Conn {
		t.Helper()
		small := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
			return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
		}}
		c, err := small.DialContext(t.Context(), "tcp", addr)
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		fmt.Fprint(c, "GET /v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
		return c
	}
	c := ask()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.ContentLength != int64(len(body)) {
		t.Fatal(resp, err)
	}
	if n, err := bytes.NewBuffer(nil).ReadFrom(resp.Body); err != nil || n != int64(len(body)) {
		t.Error(n, err)
	}
	_ = c.Close()
	if !<-taken {
		t.Error("the caller has read the whole answer, and it does not count as taken")
	}
	c = ask()
	line, err := bufio.NewReaderSize(c, 16).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 200") {
		t.Fatal(line, err)
	}
	_ = c.Close()
	if <-taken {
		t.Error("the caller has read one line, and the answer counts as taken")
	}
}
