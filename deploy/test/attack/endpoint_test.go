//go:build integration

package attack

import (
	"bufio"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// What somebody writes must not count against the endpoint, and its answer is his alone.
func endpointAttacks() []attack {
	return []attack{failingMessages(), secondAnswers(), strangeTypes()}
}

// requestLine is the longest that the bot takes.
const requestLine = 8 << 10

// A message that cannot be delivered, or that the bot chokes on, in as many
// conversations as the sender likes, closes no endpoint for others.
func failingMessages() attack {
	var client *lab.Client
	n := 0
	send := func(ctx context.Context, st *stage, d time.Duration) {
		for until := time.Now().Add(d); time.Now().Before(until) && ctx.Err() == nil; n++ {
			ok := st.say(client, "<message to='poison%d@%s' type='chat'><body>poison</body></message>", n, st.domain) && pace(ctx, 20*time.Millisecond) &&
				st.say(client, "<message to='queued%d@%s' type='chat' xml:lang='a&#x7f;b'><body>x</body></message>", n, st.domain) && pace(ctx, 20*time.Millisecond) &&
				st.say(client, "<message to='direct%d@%s' type='chat' xml:lang='a&#x7f;b'><body>x</body></message>", n, st.domain) && pace(ctx, 20*time.Millisecond) &&
				st.say(client, "<message to='long%d%s@%s/%s' type='chat'><body>x</body></message>", n, strings.Repeat("ä", 500), st.domain, strings.Repeat("ö", 500))
			if !ok || !lastsUntil(ctx, 50*time.Millisecond) {
				return
			}
		}
	}
	return attack{
		name: "failing messages",
		set: func(st *stage) {
			st.bot.AnswerWith(func(h *harness.Hook) (int, string, string) {
				if h.Body == "poison" {
					return http.StatusInternalServerError, "", ""
				}
				return harness.EchoAnswer(h)
			})
			short := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if len(r.RequestURI) > requestLine {
					w.WriteHeader(http.StatusRequestURITooLong)
					return
				}
				st.bot.Serve(w, r)
			}))
			st.t.Cleanup(short.Close)
			secure := httptest.NewTLSServer(http.HandlerFunc(st.bot.Serve))
			st.t.Cleanup(secure.Close)
			st.env = append(st.env, "SSL_CERT_FILE="+certificateOf(st.t, secure))
			retry := "retry: {schedule: [100ms, 200ms, 300ms]}"
			st.endpoints = []string{
				fmt.Sprintf(`{name: echo, url: %q, match: {to: ["echo@*", "poison*@*"]}, %s}`, st.bot.URL(), retry),
				fmt.Sprintf(`{name: queued, url: %q, format: rest-json, delivery: queued, match: {to: "queued*@*"}, %s}`, secure.URL+"/hook", retry),
				fmt.Sprintf(`{name: direct, url: %q, format: rest-json, match: {to: "direct*@*"}}`, secure.URL+"/hook"),
				fmt.Sprintf(`{name: long, url: "%s/{to}?from={from}", match: {to: "long*@*"}, %s}`, short.URL, retry),
			}
			st.victims = nil
			for _, name := range []string{"echo", "queued", "direct", "long"} {
				st.victims = append(st.victims, name+"@"+st.domain)
			}
		},
		ready:  func(st *stage) { client = st.mallory(strings.Repeat("ü", 500)) },
		before: func(ctx context.Context, st *stage) { send(ctx, st, 6*time.Second) }, // a breaker opens after 5 s
		strike: func(ctx context.Context, st *stage) { send(ctx, st, attackTime()) },
		holds: func(st *stage) {
			st.notOpened()
			for _, h := range st.bot.Got() {
				if lang := h.Header.Get("Content-Language"); strings.Contains(lang, "a") {
					st.t.Errorf("the bot got the language %q", lang)
					break
				}
			}
			if all := st.list("/v1/dead-letters?endpoint=long"); len(all) == 0 {
				st.t.Error("the messages with long addresses are not among the dead letters")
			}
		},
	}
}

// certificateOf writes the certificate of a server into a file.
func certificateOf(t *testing.T, s *httptest.Server) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "bot.crt")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600))
	return file
}

// A bot that says more than it was asked does not speak to the next sender.
func secondAnswers() attack {
	var b *twiceBot
	var mallory, carol *lab.Client
	return attack{
		name: "second answers",
		set: func(st *stage) {
			b = newTwiceBot(st.t)
			st.endpoints = append([]string{fmt.Sprintf(`{name: twice, url: "http://%s/hook", match: {to: "twice@*"}}`, b.addr)}, st.endpoints...)
		},
		ready: func(st *stage) { mallory, carol = st.mallory("attack"), harness.Login(st.t, st.server, "carol").Client },
		strike: func(ctx context.Context, st *stage) {
			for n := range 10 {
				before := b.second.Load()
				if !st.say(mallory, "<message to='twice@%s' type='chat'><body>twice</body></message>", st.domain) {
					return
				}
				for b.second.Load() == before {
					if !lastsUntil(ctx, 5*time.Millisecond) {
						st.t.Error("the bot was not asked")
						return
					}
				}
				// The answer has been read, too: it came first.
				text := fmt.Sprint("carol-", n)
				if !st.say(carol, "<message to='twice@%s' type='chat'><body>%s</body></message>", st.domain, text) {
					return
				}
				r, err := carol.Next(ctx, func(r lab.Received) bool { return r.Kind == "message" && r.Body != "" })
				if err != nil || r.Body != text {
					st.t.Errorf("instead of the answer to %s came %q %v", text, r.Body, err)
					return
				}
			}
		},
	}
}

// twiceBot echoes, but answers "twice" with two answers, the second a moment later.
type twiceBot struct {
	addr   string
	second atomic.Int64 // how many second answers were written
}

func newTwiceBot(t *testing.T) *twiceBot {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	b := &twiceBot{addr: l.Addr().String()}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go b.serve(conn)
		}
	}()
	return b
}

func (b *twiceBot) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		text := harness.ParseHook(r.Header, raw).Body
		if answerPlainly(conn, text) != nil {
			return
		}
		if text == "twice" {
			time.Sleep(50 * time.Millisecond) // so that the first is read by itself
			if answerPlainly(conn, "the secret of mallory") != nil {
				return
			}
			b.second.Add(1)
		}
	}
}

func answerPlainly(conn net.Conn, text string) error {
	body, err := json.Marshal(map[string]string{"body": text})
	if err == nil {
		_, err = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	return err
}

// What stands where a URL has a placeholder leads nowhere else.
func strangeTypes() attack {
	var wrong atomic.Int64
	return attack{
		name: "strange types",
		set: func(st *stage) {
			paths := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !strings.HasPrefix(r.URL.EscapedPath(), "/users/chat/") && !strings.HasPrefix(r.URL.EscapedPath(), "/users/normal/") {
					wrong.Add(1)
				}
				st.bot.Serve(w, r)
			}))
			st.t.Cleanup(paths.Close)
			st.endpoints = []string{fmt.Sprintf(`{name: typed, url: "%s/users/{type}/{kind}", match: {to: "echo@*"}}`, paths.URL)}
		},
		strike: func(_ context.Context, st *stage) {
			c := st.mallory("attack")
			for _, typ := range []string{"..", ".", "...", "../..", "%2e%2e", ""} {
				if !st.say(c, "<message to='echo@%s' type='%s'><body>%s</body></message>", st.domain, typ, typ) {
					return
				}
			}
			_, err := c.Next(st.t.Context(), func(r lab.Received) bool { return r.Kind == "message" })
			if err != nil {
				st.t.Error(err)
			}
		},
		holds: func(st *stage) {
			if n := wrong.Load(); n > 0 {
				st.t.Errorf("%d requests went elsewhere", n)
			}
		},
	}
}
