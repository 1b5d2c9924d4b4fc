//go:build integration

package guides

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/hook"
)

// Every line of the page of notifications is run, in its order, and what it says arrives as
// the page shows it.
func TestNotificationLines(t *testing.T) {
	page, err := os.ReadFile("../../../examples/guide/notifications.md")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, m := range regexp.MustCompile(`(?m)^    (curl .*)$`).FindAllStringSubmatch(string(page), -1) {
		lines = append(lines, m[1])
	}
	var want []string
	answers := regexp.MustCompile("(?ms)^```yaml\n.*?^```$").ReplaceAllString(string(page), "")
	for _, m := range regexp.MustCompile("(?ms)^```\n(.*?)\n```$").FindAllStringSubmatch(answers, -1) {
		want = append(want, m[1])
	}
	if len(lines) != 14 || len(want) != 12 {
		t.Fatalf("%d lines and %d answers", len(lines), len(want))
	}
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		u := harness.Login(t, s, "yolanda")
		c := harness.OneComponent(s, "notify", harness.NewBot(t))
		var all []string
		for _, name := range hook.Adapters() {
			all = append(all, fmt.Sprintf("{name: %s, adapter: %s, secret_hash: %q, from: alerts@notify.localhost, to: [yolanda@localhost/test]}", name, name, harness.HashOf("s3cret-"+name)))
		}
		c.Hooks = "[" + strings.Join(all, ", ") + "]"
		p := harness.LaunchConnected(t, c)
		var got []string
		for _, line := range lines {
			i := slices.IndexFunc(hook.Adapters(), func(name string) bool {
				return strings.Contains(line, "/hooks/"+name+"/") || strings.Contains(line, "/hooks/"+name+" ")
			})
			secret := "s3cret-slack" // of Slack's API
			if i >= 0 {
				secret = "s3cret-" + hook.Adapters()[i]
			}
			cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(strings.Replace(line, "curl ", "curl --silent --show-error --fail-with-body ", 1), "127.0.0.1:5290", p.Addr))
			cmd.Env = append(os.Environ(), "SECRET="+secret)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v: %s", line, err, out)
			}
			got = append(got, u.Await("the message of "+line, func(r lab.Received) bool { return r.Kind == "message" && r.Body != "" }).Body)
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("came\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}
