//go:build integration

package http

import (
	"fmt"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

const tokensConfig = `components: [{domain: files.localhost, server: %q, secret: %q}]
endpoints: [{name: mine}, {name: other}]
http:
  listen: "127.0.0.1:0"
  tokens:
    - {name: all, hash: %q, scopes: [send, query, rooms]}
    - {name: small, hash: %q, scopes: [%s], max_bytes: %d}
    - {name: mine, hash: %q, scopes: [%s], endpoint: mine}
store: {dir: store}
`

// A token with max_bytes uploads no larger file, and one with endpoint pulls the events of no other
// one; keys that say nothing are refused, and the field is named. What is said for it is in testdata.
func TestTokensSaid(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.WithUploads(t, harness.ServerOptions(kind, "files"), "files.localhost"))
		said := newFilesTranscript(t)
		dir := t.TempDir()
		server := said.Through("component", s.ComponentAddr()).Addr()
		write := func(sends string, most int, reads string) string {
			t.Helper()
			return harness.WriteConfig(t, dir, fmt.Sprintf(tokensConfig, server, harness.Secret, harness.HashOf("token-all"), harness.HashOf("token-small"), sends, most, harness.HashOf("token-mine"), reads))
		}
		// The program is not started with these.
		for _, x := range []struct {
			step, sends, reads string
			most               int
			says               []string
		}{
			{"keys of other scopes", "events", "send", 10, []string{"http.tokens[1].max_bytes: is for tokens with the scope send", "http.tokens[2].endpoint: is for tokens with the scope events"}},
			{"a bound that lets nothing through", "send", "events", 0, []string{"http.tokens[1].max_bytes: 0 is not between"}},
		} {
			said.Step("stanzahook check: " + x.step)
			code, out, errs := harness.RunProgram(t, nil, "check", "--config", write(x.sends, x.most, x.reads))
			text := strings.ReplaceAll(out+errs, dir+"/", "")
			said.Got(text)
			for _, part := range x.says {
				if code != 1 || !strings.Contains(text, part) {
					t.Errorf("%d %s, and not %s", code, text, part)
				}
			}
		}

		said.Step("")
		p := harness.LaunchLinked(t, write("send", 10, "events"))
		p.AwaitUploads()
		for _, x := range []struct {
			step, token, method, path, media, body string
			status                                 int
			says                                   string
		}{
			{"a file as large as the token may upload", "token-small", "POST", "/v1/files?name=a.txt", "text/plain", "0123456789", 201, `"size":10`},
			{"a larger one", "token-small", "POST", "/v1/files?name=a.txt", "text/plain", "0123456789a", 413, `"max_bytes":10`},
			{"another token may", "token-all", "POST", "/v1/files?name=a.txt", "text/plain", "0123456789a", 201, `"size":11`},
			{"the events of the token's endpoint", "token-mine", "GET", "/v1/endpoints/mine/events?wait=0s", "", "", 200, `"events":[]`},
			{"those of another one", "token-mine", "GET", "/v1/endpoints/other/events?wait=0s", "", "", 403, "mine"},
		} {
			said.Step(x.step)
			if r := said.CallBy(p, x.token, x.method, x.path, x.media, x.body); r.Status != x.status || !strings.Contains(r.Body, x.says) {
				t.Errorf("%s: %d %s, and not %d %s", x.step, r.Status, r.Body, x.status, x.says)
			}
		}
		said.Compare("tokens", kind, *update)
	})
}
