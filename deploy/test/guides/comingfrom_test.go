//go:build integration

package guides

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// curlLine is the curl line of a page.
func curlLine(page string) string {
	for line := range strings.Lines(page) {
		if code, ok := strings.CutPrefix(line, "    curl "); ok {
			return "curl " + strings.TrimSpace(code)
		}
	}
	return ""
}

// The pages for those who come from a module are followed to the letter, but for
// names and ports: the configuration, and the curl line.
func TestComingFrom(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		for _, tc := range []struct{ module, domain, status, from string }{
			{"mod_rest", "rest.example.net", "202", "from.localhost"},
			{"mod_post_msg", "bot.example.com", "201", "wendy@localhost"},
		} {
			page := harness.Page(t, "deploy/guide/migrate/"+tc.module+".md")
			fit := strings.NewReplacer(tc.domain, "from.localhost", "127.0.0.1:5347", s.ComponentAddr(), "a long random secret", harness.Secret,
				"127.0.0.1:5222", s.ClientAddr(), "hosts: [example.com], tls: starttls, ca_file: /etc/prosody/certs/example.com.crt", "hosts: [localhost], tls: none", "listen: 127.0.0.1:5290", "listen: 127.0.0.1:0")
			file := harness.WriteConfig(t, t.TempDir(), fit.Replace(harness.CodeBlocks(page, "yaml")[0]))
			p := harness.LaunchLinked(t, file)
			u := harness.Login(t, s, "xavier")
			curl := strings.NewReplacer(tc.domain, "from.localhost", "a long random secret", harness.Secret, "127.0.0.1:5290", p.Addr,
				"/msg/user", "/msg/xavier", "user@example.org", "xavier@localhost", "me@example.com:mypassword", "'wendy@localhost:"+harness.Password+"'").Replace(curlLine(page))
			ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
			out, err := exec.CommandContext(ctx, "sh", "-c", curl+" -s -o /dev/null -w '%{http_code}'").Output()
			cancel()
			if err != nil || string(out) != tc.status {
				t.Fatalf("%s: %s %v", curl, out, err)
			}
			r := u.Await("the message", func(r lab.Received) bool { return r.Kind == "message" && r.Body != "" })
			if bare, _, _ := strings.Cut(r.From, "/"); bare != tc.from || r.Type != "chat" {
				t.Errorf("%s: %+v", tc.module, r)
			}
			p.Stop()
		}
	})
}

// So is the page about rosters: the server's configuration, ours, and the curl line,
// which changes rosters of users who are not online.
func TestComingFromRosters(t *testing.T) {
	page := harness.Page(t, "deploy/guide/migrate/mod_http_roster_admin.md")
	s, component, _ := startGuideServer(t, lab.Prosody, harness.RostersGuide{Prosody: harness.CodeBlocks(page, "lua")[0]})
	app := harness.NewContactsApp(t)
	app.Want("john", `{"alice@example.com": {"name": "Alice", "groups": {"Friends": true}}}`)
	app.Want("alice", `{"john@example.com": {"name": "John", "groups": {"Friends": true}}}`)
	dir := t.TempDir()
	config := strings.NewReplacer("127.0.0.1:5347", component, "http://127.0.0.1:8081", app.Server.URL, "/var/lib/stanzahook", filepath.Join(dir, "store"),
		"sha256:…", harness.HashOf(guideToken), "http:\n", "http:\n  listen: 127.0.0.1:0\n").Replace(harness.CodeBlocks(page, "yaml")[0])
	file := harness.WriteConfig(t, dir, config)
	p := harness.LaunchLinked(t, file)
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	defer cancel()
	curl := exec.CommandContext(ctx, "sh", "-c", strings.Replace(curlLine(page), "127.0.0.1:5290", p.Addr, 1)+" --silent --show-error")
	curl.Env = append(os.Environ(), "TOKEN="+guideToken)
	out, err := curl.CombinedOutput()
	if err != nil || string(out) != `{"status":"ok","message":"roster update complete","updated":2,"errors":0}`+"\n" {
		t.Fatalf("%s %v", out, err)
	}
	for name, want := range map[string]harness.Contacts{
		"john":  {"alice@example.com": {Name: "Alice", Groups: []string{"Friends"}, Subscription: "both"}},
		"alice": {"john@example.com": {Name: "John", Groups: []string{"Friends"}, Subscription: "both"}},
	} {
		c := &harness.RosterClient{User: harness.Login(t, s, name), Have: make(harness.Contacts)}
		c.Send("<iq type='get' id='the-roster'><query xmlns='jabber:iq:roster'/></iq>")
		c.Apply(c.Await("the roster", func(r lab.Received) bool { return r.ID == "the-roster" }))
		if c.Have.String() != want.String() {
			t.Errorf("%s has %s, want %s", name, c.Have, want)
		}
	}
}
