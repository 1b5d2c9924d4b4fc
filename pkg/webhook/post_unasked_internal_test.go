package webhook

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// A bot that answers one message twice does not answer the next one with that,
// whoever sent it; and a connection that it has closed costs no try.
func TestAnswerNobodyAskedFor(t *testing.T) {
	for _, network := range networks() {
		for _, end := range []bool{false, true} {
			l, target := listen(t, network)
			read, said, requests := make(chan struct{}), make(chan struct{}), 0
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					in := bufio.NewReader(c)
					for {
						r, err := http.ReadRequest(in)
						if err != nil {
							break
						}
						to, _ := io.ReadAll(r.Body)
						requests++
						fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(to), to)
						<-read
						if end {
							_ = c.Close()
						} else {
							fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\nsecret of alice")
						}
						said <- struct{}{}
					}
					_ = c.Close()
				}
			}()
			p := plainFor(t, &Endpoint{Timeout: 10 * time.Second}, target)
			for n, who := range []string{"alice", "bob", "carol"} {
				a, err := p.post(noValues, noFields, []byte(who), watch{})
				if err != nil || string(a.Body) != who {
					t.Fatalf("%s: %s got %v, %v", network, who, a, err)
				}
				read <- struct{}{}
				<-said
				if requests != n+1 {
					t.Errorf("%s: %d requests after %d messages", network, requests, n+1)
				}
			}
		}
	}
}
