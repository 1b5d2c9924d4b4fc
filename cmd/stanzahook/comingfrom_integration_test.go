//go:build integration

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
)

// The pages for those who come from a module are followed to the letter, but for
// names and ports: the configuration, and the curl line.
func TestComingFrom(t *testing.T) {
	forBoth(t, func(t *testing.T, s *lab.Server) {
		for _, tc := range []struct{ module, domain, status, from string }{
			{"mod_rest", "rest.example.net", "202", "from.localhost"},
			{"mod_post_msg", "bot.example.com", "201", "wendy@localhost"},
		} {
			page := comingFrom(t, tc.module)
			fit := strings.NewReplacer(tc.domain, "from.localhost", "127.0.0.1:5347", s.ComponentAddr(), "a long random secret", testSecret,
				"127.0.0.1:5222", s.ClientAddr(), "hosts: [example.com], tls: starttls", "hosts: [localhost], tls: none", "listen: 127.0.0.1:5290", "listen: 127.0.0.1:0")
			file := filepath.Join(t.TempDir(), "stanzahook.yaml")
			if err := os.WriteFile(file, []byte(fit.Replace(codeBlocks(page, "yaml")[0])), 0o600); err != nil {
				t.Fatal(err)
			}
			p := launchFile(t, file)
			p.awaitLinks(1)
			u := login(t, s, "xavier")
			curl := ""
			for line := range strings.Lines(page) {
				if code, ok := strings.CutPrefix(line, "    curl "); ok {
					curl = "curl " + strings.TrimSpace(code)
				}
			}
			curl = strings.NewReplacer(tc.domain, "from.localhost", "a long random secret", testSecret, "127.0.0.1:5290", p.addr,
				"/msg/user", "/msg/xavier", "user@example.org", "xavier@localhost", "me@example.com:mypassword", "'wendy@localhost:"+testPassword+"'").Replace(curl)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			out, err := exec.CommandContext(ctx, "sh", "-c", curl+" -s -o /dev/null -w '%{http_code}'").Output()
			cancel()
			if err != nil || string(out) != tc.status {
				t.Fatalf("%s: %s %v", curl, out, err)
			}
			r := u.next("the message", func(r lab.Received) bool { return r.Kind == "message" && r.Body != "" })
			if bare, _, _ := strings.Cut(r.From, "/"); bare != tc.from || r.Type != "chat" {
				t.Errorf("%s: %+v", tc.module, r)
			}
			p.stop()
		}
	})
}
