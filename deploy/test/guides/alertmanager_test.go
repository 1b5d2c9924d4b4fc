//go:build integration

package guides

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// startAlertmanager starts Debian's Alertmanager with two receivers: the hooks
// alertmanager, and slack as incoming webhook of Slack. It returns where it listens.
func startAlertmanager(t *testing.T, hooks string) string {
	t.Helper()
	dir := t.TempDir()
	config := fmt.Sprintf(`route: {receiver: xmpp, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h, routes: [{receiver: xmpp, continue: true}, {receiver: slack}]}
receivers:
  - name: xmpp
    webhook_configs: [{url: "%[1]s/alertmanager/s3cret-alertmanager"}]
  - name: slack
    slack_configs: [{api_url: "%[1]s/slack/s3cret-slack", channel: "#ops", send_resolved: true}]
`, hooks)
	file := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := "127.0.0.1:" + harness.FreePort(t)
	var log strings.Builder
	cmd := exec.Command("prometheus-alertmanager", "--config.file="+file, "--storage.path="+dir, "--web.listen-address="+addr, "--cluster.listen-address=")
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v; deploy/lab/install.sh tests installs it", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	harness.Eventually(t, "Alertmanager is ready", func() bool {
		resp, err := http.Get("http://" + addr + "/-/ready")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return addr
}

// Debian's Alertmanager tells a user of an alert that fires and is resolved, by its own
// webhook and by that of Slack.
func TestAlertmanager(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		u := harness.Login(t, s, "trudy")
		c := harness.OneComponent(s, "alertmanager", harness.NewBot(t))
		var all []string
		for _, name := range []string{"alertmanager", "slack"} {
			all = append(all, fmt.Sprintf("{name: %s, adapter: %s, secret_hash: %q, from: %s@alertmanager.localhost, to: [trudy@localhost/test]}", name, name, harness.HashOf("s3cret-"+name), name))
		}
		c.Hooks = "[" + strings.Join(all, ", ") + "]"
		p := harness.LaunchConnected(t, c)
		addr := startAlertmanager(t, "http://"+p.Addr+"/hooks")
		began := time.Now().UTC().Add(-time.Minute).Format(time.RFC3339)
		for _, state := range []struct{ ends, alertmanager, slack string }{
			{"", "🔥 FIRING (critical) DiskFull on db1\n92 % of /var used", "[FIRING:1] DiskFull"},
			{`,"endsAt":"` + time.Now().UTC().Add(-time.Second).Format(time.RFC3339) + `"`, "✅ RESOLVED (critical) DiskFull on db1\n92 % of /var used", "[RESOLVED] DiskFull"},
		} {
			body := `[{"labels":{"alertname":"DiskFull","severity":"critical","instance":"db1"},"annotations":{"summary":"92 % of /var used"},"startsAt":"` + began + `"` + state.ends + `}]`
			resp, err := http.Post("http://"+addr+"/api/v2/alerts", "application/json", strings.NewReader(body))
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("%v %v", resp, err)
			}
			_ = resp.Body.Close()
			for from, want := range map[string]string{"alertmanager": state.alertmanager, "slack": state.slack} {
				u.Await(from+" says "+want, func(r lab.Received) bool {
					return r.Kind == "message" && strings.HasPrefix(r.From, from+"@") && strings.HasPrefix(r.Body, want)
				})
			}
		}
	})
}
