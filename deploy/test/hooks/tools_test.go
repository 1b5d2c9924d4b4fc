//go:build integration

package hooks

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

// Debian's Alertmanager tells a user and a room of an alert that fires and is resolved, by its
// own webhook and by that of Slack; the second message replies to the first one.
func TestAlertmanager(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := newStage(t, kind, "", "alertmanager", "slack")
		dir := t.TempDir()
		file := filepath.Join(dir, "alertmanager.yml")
		config := fmt.Sprintf(`route: {receiver: xmpp, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h, routes: [{receiver: xmpp, continue: true}, {receiver: slack}]}
receivers:
  - name: xmpp
    webhook_configs: [{url: %q}]
  - name: slack
    slack_configs: [{api_url: %q, channel: "#ops", send_resolved: true}]
`, s.url("/hooks/alertmanager/s3cret-alertmanager"), s.url("/hooks/slack/s3cret-slack"))
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
		began := time.Now().UTC().Add(-time.Minute).Format(time.RFC3339)
		tell := func(ends string) {
			t.Helper()
			body := `[{"labels":{"alertname":"DiskFull","severity":"critical","instance":"db1"},"annotations":{"summary":"92 % of /var used"},"startsAt":"` + began + `"` + ends + `}]`
			resp, err := http.Post("http://"+addr+"/api/v2/alerts", "application/json", strings.NewReader(body))
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("%v %v", resp, err)
			}
			_ = resp.Body.Close()
		}
		tell("")
		const text = " (critical) DiskFull on db1\n92 % of /var used"
		toUser, inRoom := s.chat("alertmanager", "🔥 FIRING"+text), s.said("alertmanager", "🔥 FIRING"+text)
		s.chat("slack", "[FIRING:1] DiskFull")
		s.said("slack", "[FIRING:1] DiskFull")
		s.echoed(2)
		tell(`,"endsAt":"` + time.Now().UTC().Add(-time.Second).Format(time.RFC3339) + `"`)
		if m := s.chat("alertmanager", "✅ RESOLVED"+text); m.Reply != toUser.ID {
			t.Errorf("to the user: %+v is no reply to %+v", m, toUser)
		}
		if m := s.said("alertmanager", "✅ RESOLVED"+text); m.Reply != inRoom.Stanza {
			t.Errorf("in the room: %+v is no reply to %+v", m, inRoom)
		}
		s.chat("slack", "[RESOLVED] DiskFull")
		s.said("slack", "[RESOLVED] DiskFull")
	})
}

// The calls of ntfy's and Gotify's documentation, by curl, and those of Slack's API: each
// arrives at a user and in a room.
func TestDocumentedCalls(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := newStage(t, kind, "", "ntfy", "gotify", "slack")
		curl := func(args ...string) string {
			t.Helper()
			out, err := exec.CommandContext(t.Context(), "curl", append([]string{"--silent", "--show-error", "--fail-with-body"}, args...)...).CombinedOutput()
			if err != nil {
				t.Fatalf("curl %q: %v: %s", args, err, out)
			}
			return string(out)
		}
		comes := func(bot, text string) (toUser, inRoom read) {
			t.Helper()
			toUser, inRoom = s.chat(bot, text), s.said(bot, text)
			for _, m := range []read{toUser, inRoom} {
				if m.Body != text {
					t.Errorf("%s: %q, not %q", bot, m.Body, text)
				}
			}
			return toUser, inRoom
		}
		ntfy := s.url("/hooks/ntfy/s3cret-ntfy")
		curl("-d", "Backup successful 😀", ntfy+"/mytopic")
		comes("ntfy", "Backup successful 😀")
		curl("-H", "Title: Unauthorized access detected", "-H", "Priority: urgent", "-H", "Tags: warning,skull", "-d", "Remote access to phils-laptop detected. Act right away.", ntfy+"/phil_alerts")
		comes("ntfy", "❗ ⚠️ 💀 Unauthorized access detected\nRemote access to phils-laptop detected. Act right away.")
		curl("-d", `{"topic":"mytopic","message":"Disk space is low at 5.1 GB","title":"Low disk space alert","tags":["warning","cd"],"priority":4,"click":"https://homecamera.lan/xasds1h2xsSsa/","actions":[{"action":"view","label":"Admin panel","url":"https://filesrv.lan/admin"}]}`, ntfy)
		comes("ntfy", "❗ ⚠️ 💿 Low disk space alert\nDisk space is low at 5.1 GB\nhttps://homecamera.lan/xasds1h2xsSsa/\nAdmin panel: https://filesrv.lan/admin")
		gotify := s.url("/hooks/gotify/message?token=s3cret-gotify")
		curl(gotify, "-F", "title=my title", "-F", "message=my message", "-F", "priority=5")
		comes("gotify", "my title\nmy message")
		curl(gotify, "-H", "Content-Type: application/json", "-d", `{"message":"**Hello**","extras":{"client::display":{"contentType":"text/markdown"}}}`)
		comes("gotify", "*Hello*")
		api := func(method, body string) string {
			return curl(s.url("/api/"+method), "-H", "Authorization: Bearer s3cret-slack", "-H", "Content-Type: application/json; charset=utf-8", "-d", body)
		}
		ts := func(answer string) string {
			t.Helper()
			_, rest, ok := strings.Cut(answer, `"ts":"`)
			if rest, _, _ = strings.Cut(rest, `"`); !ok || !strings.Contains(answer, `"ok":true`) {
				t.Fatalf("answer %s", answer)
			}
			return rest
		}
		first := ts(api("chat.postMessage", `{"channel":"C123456","text":"Deploying <https://ci.example.org/7|#7>"}`))
		toUser, inRoom := comes("slack", "Deploying #7 (https://ci.example.org/7)")
		api("chat.postMessage", `{"channel":"C123456","text":"Another"}`) // what is known of it is written after what is known of the first
		comes("slack", "Another")
		s.echoed(7)
		s.p.Kill()
		s.again()
		ts(api("chat.postMessage", `{"channel":"C123456","text":"Half of it","thread_ts":"`+first+`"}`))
		if u, r := comes("slack", "Half of it"); u.Reply != toUser.ID || r.Reply != inRoom.Stanza {
			t.Errorf("%+v and %+v are no replies to %+v and %+v", u, r, toUser, inRoom)
		}
		ts(api("chat.update", `{"channel":"C123456","text":"Deployed","ts":"`+first+`"}`))
		if u, r := comes("slack", "Deployed"); u.Replace != toUser.ID || r.Replace != inRoom.ID {
			t.Errorf("%+v and %+v do not correct %+v and %+v", u, r, toUser, inRoom)
		}
	})
}
