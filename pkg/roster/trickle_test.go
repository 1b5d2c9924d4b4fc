package roster_test

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"stanzahook/pkg/roster"
)

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
