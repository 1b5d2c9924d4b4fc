package app

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// rawPoster posts the same over one connection. It is a client that takes little of the cores.
type rawPoster struct {
	conn net.Conn
	in   *bufio.Reader
	text []byte
}

func newRawPoster(b *testing.B, addr, path, body string, headers ...string) *rawPoster {
	b.Helper()
	p := &rawPoster{text: fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s", path, addr, strings.Join(headers, ""), len(body), body)}
	if err := p.dial(addr); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = p.conn.Close() })
	return p
}

func (p *rawPoster) dial(addr string) (err error) {
	if p.conn, err = net.Dial("tcp", addr); err == nil {
		p.in = bufio.NewReader(p.conn)
	}
	return err
}

// post returns the status; with an error the connection is over.
func (p *rawPoster) post() (int, error) {
	if _, err := p.conn.Write(p.text); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(p.in, nil)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if err == nil && resp.Close {
		err = io.EOF
	}
	return resp.StatusCode, err
}

const (
	benchHooks = noAuth + "hooks: [%s]\n"
	hookClient = 16
)

// Hooks of 1 KiB of JSON without an XMPP server: 202 when the in-process peer has confirmed
// the message. With a thread each text is about something else, so that each is stored.
func BenchmarkHooks(b *testing.B) {
	for _, c := range []struct{ name, more string }{{"plain", ""}, {"threads", `, thread: '{{header "X"}}'`}} {
		b.Run(c.name, func(b *testing.B) {
			x := startApp(b, fmt.Sprintf(benchHooks, alertsHook("in", "json", c.more)))
			body := `{"text":"` + strings.Repeat("x", 1010) + `"}`
			var left, number atomic.Int64
			left.Store(int64(b.N))
			cpu := processTime(b)
			b.ResetTimer()
			var wg sync.WaitGroup
			for range hookClient {
				p := newRawPoster(b, x.Addr, "/hooks/in/in", body)
				wg.Go(func() {
					for left.Add(-1) >= 0 {
						if c.more != "" {
							p.text = fmt.Appendf(nil, "POST /hooks/in/in HTTP/1.1\r\nHost: %s\r\nX: %d\r\nContent-Length: %d\r\n\r\n%s", x.Addr, number.Add(1), len(body), body)
						}
						if status, err := p.post(); err != nil || status != http.StatusAccepted {
							b.Errorf("status %d: %v", status, err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "hooks/s")
			b.ReportMetric(float64(processTime(b)-cpu)/float64(b.N), "cpu-ns/op") // the client's and the peer's too
		})
	}
}
