package hooks_test

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"stanzahook/httpapi"
	"stanzahook/httpapi/hooks"
	"stanzahook/pkg/gateway/gatewaytest"
	"stanzahook/pkg/hook"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
)

// newSignedServer is a server with hooks that only a signature protects, of each kind, one with a
// secret, and one whose bodies may be larger than those of the others. It returns the address.
func newSignedServer(t *testing.T, o httpapi.Options) (string, *gatewaytest.Network) {
	t.Helper()
	reader, err := hook.New(hook.Options{Adapter: "text"})
	if err != nil {
		t.Fatal(err)
	}
	network := &gatewaytest.Network{}
	var all []*hooks.Hook
	add := func(name, kind string, maxBody int64) *hooks.Hook {
		h := &hooks.Hook{Name: name, Adapter: "text", Reader: reader, From: jid.MustParse("alerts@bot.example.com"), To: []jid.JID{jid.MustParse("juliet@example.com")}, MaxBody: maxBody}
		if kind != "" {
			if h.Verify, err = hook.NewVerifier(kind, []secret.String{secret.New("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz")}, ""); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, h)
		return h
	}
	for _, kind := range hook.VerifyKinds() {
		if kind != hook.VerifyNone {
			add(kind, kind, 1000)
		}
	}
	add("secret", "", 2000).Hashes = [][32]byte{sha256.Sum256([]byte("s3cret"))}
	o.Listen = "127.0.0.1:0"
	s := httpapi.NewServer(httpapi.New(o, hooks.New(hooks.Options{Hooks: all, Sender: network})...))
	addr, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(t.Context()) })
	return addr, network
}

// converse sends a request as it stands, and returns all that the server says until it ends
// the connection, or has answered the request behind it.
func converse(t *testing.T, addr, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second)) // a server that hangs fails the test
	if _, err := c.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadString('\n')
		said.WriteString(changing.ReplaceAllString(line, ""))
		if err != nil || strings.HasSuffix(line, "}\n") {
			break
		}
	}
	// Is the connection still good?
	if _, err := c.Write([]byte("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")); err == nil {
		if r, err := http.ReadResponse(in, nil); err == nil {
			fmt.Fprintf(&said, "then %d", r.StatusCode)
		}
	}
	return said.String()
}

// changing are the headers that are never the same.
var changing = regexp.MustCompile(`^(X-Request-Id|Date): .*`)

// Nobody can tell a hook that only a signature protects, or one with a secret, from one that
// is not there: not by what is said of a large body, of a slow one, before a body, of a
// method, or of where the request comes from.
func TestHooksThatNobodyKnows(t *testing.T) {
	addr, network := newSignedServer(t, httpapi.Options{BodyTimeout: 300 * time.Millisecond})
	headers := []string{
		"", "X-Hub-Signature-256: sha256=00", "X-Gitea-Signature: 00", "X-Forgejo-Signature: 00", "X-Gitlab-Token: wrong", "X-Grafana-Alerting-Signature: 00",
		"X-Slack-Signature: v0=00", "Webhook-Signature: v1,00", "Authorization: Bearer wrong", "Origin: https://evil.example.com", "Content-Encoding: gzip",
		"X-Hub-Signature-256: sha256=00\r\nOrigin: https://evil.example.com", "X-Hub-Signature-256: sha256=00\r\nContent-Encoding: gzip",
	}
	requests := []struct{ name, method, rest, end string }{
		{"small", "POST", "", "Content-Length: 5\r\n\r\nhello"},
		{"empty", "POST", "", "Content-Length: 0\r\n\r\n"},
		{"over the bound of one", "POST", "", "Content-Length: 1500\r\n\r\n" + strings.Repeat("x", 1500)},
		{"over all bounds", "POST", "", "Content-Length: 2500\r\n\r\n" + strings.Repeat("x", 2500)},
		{"chunks over all bounds", "POST", "", "Transfer-Encoding: chunked\r\n\r\n9c4\r\n" + strings.Repeat("x", 2500) + "\r\n0\r\n\r\n"},
		{"broken chunks", "POST", "", "Transfer-Encoding: chunked\r\n\r\nnope\r\n"},
		{"asks before the body", "POST", "", "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"},
		{"asks before a body over the bound of one", "POST", "", "Expect: 100-continue\r\nContent-Length: 1500\r\n\r\n"},
		{"asks before a body over all bounds", "POST", "", "Expect: 100-continue\r\nContent-Length: 2500\r\n\r\n"},
		{"a body that does not come", "POST", "", "Content-Length: 100\r\n\r\nx"},
		{"GET", "GET", "", "\r\n"}, {"DELETE", "DELETE", "", "\r\n"}, {"OPTIONS", "OPTIONS", "", "\r\n"}, {"BREW", "BREW", "", "Content-Length: 1\r\n\r\nx"},
		{"a wrong secret", "POST", "/wrong", "Content-Length: 5\r\n\r\nhello"},
		{"a path", "POST", "/a//b%0A/../c", "Content-Length: 5\r\n\r\nhello"},
	}
	for _, q := range requests {
		for _, header := range headers {
			t.Run(q.name+" "+header, func(t *testing.T) {
				t.Parallel()
				if header != "" {
					header += "\r\n"
				}
				ask := func(name string) string {
					return converse(t, addr, q.method+" /hooks/"+name+q.rest+" HTTP/1.1\r\nHost: x\r\n"+header+q.end)
				}
				names := []string{"nope", "github", "gitea", "gitlab", "grafana", "slack", "standard", "secret"}
				said := make([]string, len(names))
				var wg sync.WaitGroup
				for i, name := range names {
					wg.Go(func() { said[i] = ask(name) })
				}
				wg.Wait()
				if !strings.Contains(said[0], "HTTP/1.1 401 ") {
					t.Errorf("a hook that is not there: %s", said[0])
				}
				for i, got := range said {
					if got != said[0] {
						t.Errorf("%s: %s\nnot as one that is not there: %s", names[i], got, said[0])
					}
				}
			})
		}
	}
	t.Cleanup(func() {
		if n := len(network.Sent()); n != 0 {
			t.Errorf("%d messages were sent", n)
		}
	})
}

// Behind a right signature a hook says what is wrong.
func TestSignedAndWrong(t *testing.T) {
	addr, network := newSignedServer(t, httpapi.Options{})
	for _, c := range []struct {
		method, body string
		status       int
	}{{"POST", "hello", 202}, {"POST", strings.Repeat("x", 1500), 413}, {"DELETE", "hello", 405}, {"GET", "hello", 405}} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+addr+"/hooks/github", strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Hub-Signature-256", "sha256="+hmacHex("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz", c.body))
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("%s with %d bytes: %d, not %d", c.method, len(c.body), resp.StatusCode, c.status)
		}
	}
	if n := len(network.Sent()); n != 1 {
		t.Errorf("%d messages", n)
	}
}
