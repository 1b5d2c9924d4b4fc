//go:build integration

package attack

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// What a browser can be made to send, and what costs memory before anybody is asked for
// a token.
func webAttacks() []attack { return []attack{webPages(), unfinishedHeaders()} }

func webPages() attack {
	return attack{
		name: "web pages",
		set: func(st *stage) {
			st.http, st.tokens = "insecure_no_auth: true", nil
		},
		strike: func(_ context.Context, st *stage) {
			own := "http://" + st.program.Addr
			for _, tc := range []struct {
				name, method, path, host string
				header                   map[string]string
				status                   int
			}{
				{"a page posts", "POST", "/msg/bob@localhost", "", map[string]string{"Origin": "http://evil.example", "Content-Type": "text/plain"}, 403},
				{"a page posts, in a new browser", "POST", "/msg/bob@localhost", "", map[string]string{"Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"}, 403},
				{"a page of another port", "POST", "/msg/bob@localhost", "", map[string]string{"Origin": "http://127.0.0.1:1", "Content-Type": "text/plain"}, 403},
				{"a page without a name", "POST", "/msg/bob@localhost", "", map[string]string{"Origin": "null", "Content-Type": "text/plain"}, 403},
				{"a page disables an endpoint", "POST", "/v1/endpoints/echo/disable", "", map[string]string{"Origin": "http://evil.example"}, 403},
				{"a name that is bound to us", "GET", "/v1/endpoints", "evil.example", nil, 421},
				{"the same with our port", "GET", "/v1/status", "evil.example:5290", nil, 421},
				{"the same of another origin", "POST", "/msg/bob@localhost", "evil.example", map[string]string{"Origin": "http://evil.example", "Content-Type": "text/plain"}, 421},
				{"a health check by any name", "GET", "/healthz", "evil.example", nil, 200},
				{"ourselves", "GET", "/v1/endpoints", "", nil, 200},
				{"ourselves by name", "GET", "/v1/endpoints", "localhost:5290", nil, 200},
				{"ourselves from ourselves", "GET", "/v1/endpoints", "", map[string]string{"Origin": own, "Sec-Fetch-Site": "same-origin"}, 200},
			} {
				req, err := st.request(st.t.Context(), tc.method, tc.path, "", "")
				require.NoError(st.t, err)
				if tc.method == "POST" {
					req.Body = io.NopCloser(strings.NewReader("hello"))
				}
				for k, v := range tc.header {
					req.Header.Set(k, v)
				}
				req.Host = tc.host
				// An origin that a rebound name is not cross to may be refused for either.
				if status, _, body := st.do(http.DefaultClient, req); status != tc.status {
					st.t.Errorf("%s: %d %s, want %d", tc.name, status, body, tc.status)
				}
			}
		},
	}
}

const (
	unfinished = 400      // connections whose headers do not end
	header     = 15 << 10 // bytes that the server accepts
	tooMuch    = 20 << 10
)

// Headers that do not end have a bound.
func unfinishedHeaders() attack {
	return attack{
		name: "unfinished headers",
		strike: func(ctx context.Context, st *stage) {
			before := st.program.ResidentNow()
			var conns []net.Conn
			for range unfinished {
				pace(ctx, 15*time.Millisecond)
				conns = append(conns, st.unfinishedHeader(header))
			}
			last := st.unfinishedHeader(tooMuch)
			_ = last.SetReadDeadline(time.Now().Add(5 * time.Second)) // a header that may go on has 10 s
			line, err := bufio.NewReader(last).ReadString('\n')
			if err != nil || !strings.Contains(line, " 431 ") {
				st.t.Errorf("a header of more than %d bytes: %q %v", tooMuch, line, err)
			}
			// With the race detector a bound would say little.
			st.t.Logf("%d bytes for each connection", (st.program.ResidentNow()-before)/unfinished)
			for _, c := range append(conns, last) {
				_ = c.Close()
			}
		},
	}
}

// unfinishedHeader opens a connection, and sends so much of a header.
func (st *stage) unfinishedHeader(n int) net.Conn {
	conn, err := net.Dial("tcp", st.program.Addr)
	require.NoError(st.t, err)
	_ = conn.SetWriteDeadline(time.Now().Add(2 * time.Second))
	_, _ = fmt.Fprintf(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nX: %s", strings.Repeat("x", n)) // it may have had enough
	return conn
}
