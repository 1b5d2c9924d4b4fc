//go:build integration

package attack

import (
	"context"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

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
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
