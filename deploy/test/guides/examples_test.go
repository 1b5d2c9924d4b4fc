//go:build integration

package guides

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// startExampleBots starts the bots of the guide, and returns their ports by language.
func startExampleBots(t *testing.T) map[string]string {
	t.Helper()
	python, shell, node, php := harness.FreePort(t), harness.FreePort(t), harness.FreePort(t), harness.FreePort(t)
	examples := filepath.Join("..", "..", "..", "examples")
	harness.StartProcess(t, exec.Command("/usr/bin/python3", filepath.Join(examples, "echo-python", "bot.py"), python), python)
	socat := exec.Command("socat", "TCP-LISTEN:"+shell+",bind=127.0.0.1,reuseaddr,fork", "EXEC:./bot.sh")
	socat.Dir = filepath.Join(examples, "echo-shell")
	harness.StartProcess(t, socat, shell)
	harness.StartProcess(t, exec.Command("node", filepath.Join(examples, "echo-node", "bot.js"), node), node)
	harness.StartProcess(t, exec.Command("php", "-S", "127.0.0.1:"+php, filepath.Join(examples, "echo-php", "bot.php")), php)
	return map[string]string{"python": python, "shell": shell, "node": node, "php": php}
}

// The script of the guide's page for beginners passes with every bot.
func TestExampleBotsInDev(t *testing.T) {
	bots := startExampleBots(t)
	bots["go"] = harness.FreePort(t)
	program := filepath.Join(t.TempDir(), "echo-go")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "stanzahook/examples/echo-go").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	harness.StartProcess(t, exec.Command(program, "-listen", "127.0.0.1:"+bots["go"]), bots["go"])
	_, page, ok := strings.Cut(harness.Page(t, "examples/guide/ten-minutes.md"), "# greeting.dev\n")
	text, _, ok2 := strings.Cut(page, "```")
	if !ok || !ok2 {
		t.Fatal("the page has no script greeting.dev")
	}
	script := filepath.Join(t.TempDir(), "greeting.dev")
	require.NoError(t, os.WriteFile(script, []byte(text), 0o600))
	for name, port := range bots {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, out, errs := harness.RunProgram(t, nil, "dev", "--bot", "http://127.0.0.1:"+port+"/hook", "--listen", "127.0.0.1:0", "--script", script)
			if code != 0 || !strings.Contains(out, "as expected: 4 of 4") {
				t.Errorf("exit code %d\n%s%s", code, out, errs)
			}
		})
	}
}

// The bots of the README answer a user, as they stand.
func TestExampleBots(t *testing.T) {
	bots := startExampleBots(t)
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		u := harness.Login(t, s, "sybil")
		for name, port := range bots {
			c := harness.OneComponent(s, "example", harness.NewBot(t))
			c.Endpoints[0].URL = "http://127.0.0.1:" + port + "/hook"
			p := harness.LaunchConnected(t, c)
			u.Send("<message to='echo@example.localhost' type='chat' id='%s'><body>Grüße &amp; &lt;Küsse&gt; von %s</body></message>", name, name)
			r := u.Await("the answer of the bot in "+name, func(r lab.Received) bool { return r.Kind == "message" && r.Type == "chat" })
			if want := fmt.Sprintf("You said: Grüße & <Küsse> von %s", name); r.Body != want || r.From != "echo@example.localhost" {
				t.Errorf("%s: %+v, want %q", name, r, want)
			}
			p.StopWell()
		}
	})
}

// A bot on a developer's machine answers in place of the endpoint, until "stanzahook
// listen" ends or is killed; then the endpoint answers again.
func TestExampleBotsListen(t *testing.T) {
	bots := startExampleBots(t)
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte("token-admin\n"), 0o600))
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		u := harness.Login(t, s, "sybil")
		p := harness.LaunchConnected(t, harness.OneComponent(s, "example", harness.NewBot(t)))
		says := func(id, want string) {
			t.Helper()
			u.Send("<message to='echo@example.localhost' type='chat' id='%s'><body>%s</body></message>", id, id)
			if r := u.Await("the answer to "+id, func(r lab.Received) bool { return r.Kind == "message" && r.Type == "chat" }); r.Body != want {
				t.Errorf("%s: %q, want %q", id, r.Body, want)
			}
		}
		names := map[lab.Kind][]string{lab.Prosody: {"python", "node"}, lab.Ejabberd: {"shell", "php"}}[s.Kind()]
		for i, name := range names {
			l := harness.Command(t, "listen", "--api", "http://"+p.Addr, "--token-file", token, "--to", "echo@example.localhost", "--forward", "http://127.0.0.1:"+bots[name]+"/hook")
			harness.Eventually(t, "it listens", func() bool { return strings.Contains(l.Log.String(), "comes here") })
			says(name, "You said: "+name)
			if i == 0 {
				l.Kill()
			} else {
				l.StopWell()
			}
			says("after-"+name, "after-"+name)
		}
	})
}

// The alert reaches a user.
func TestExampleAlert(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		u := harness.Login(t, s, "victor")
		c := harness.OneComponent(s, "alert", harness.NewBot(t))
		c.Hooks = fmt.Sprintf("[{name: alert, adapter: text, secret_hash: %q, from: alert.localhost, to: [victor@localhost/test]}]", harness.HashOf("s3cret"))
		p := harness.LaunchConnected(t, c)
		alert := func(text string) string {
			t.Helper()
			cmd := exec.CommandContext(t.Context(), filepath.Join("..", "..", "..", "examples", "alert", "alert.sh"))
			cmd.Env = append(cmd.Environ(), "STANZAHOOK_HOOK=http://"+p.Addr+"/hooks/alert/s3cret")
			cmd.Stdin = strings.NewReader(text)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			return string(out)
		}
		if first := alert("the disk is \"full\"\n"); !strings.Contains(first, `"state":"confirmed"`) {
			t.Errorf("answered %s", first)
		}
		alert("all is well")
		for _, want := range []string{"the disk is \"full\"", "all is well"} {
			if r := u.Await("an alert", func(r lab.Received) bool { return r.Kind == "message" }); r.Body != want {
				t.Errorf("%q came, want %q", r.Body, want)
			}
		}
	})
}

// The first lines of the guide's page for beginners lead from a checkout to a bot that answers.
func TestTenMinutes(t *testing.T) {
	_, page, ok := strings.Cut(harness.Page(t, "examples/guide/ten-minutes.md"), "## 1. Talk to it\n")
	page, _, ok2 := strings.Cut(page, "| at the prompt |")
	if !ok || !ok2 {
		t.Fatal("the page does not begin with: Talk to it")
	}
	var lines []string
	for line := range strings.Lines(page) {
		if code, ok := strings.CutPrefix(line, "    "); ok {
			lines = append(lines, strings.TrimSpace(code))
		}
	}
	if want := []string{"make build", "cp examples/echo-python/bot.py .", "python3 bot.py", "bin/stanzahook dev"}; !slices.Equal(lines, want) {
		t.Fatalf("the lines are %q, want %q", lines, want)
	}
	// What "make build" leaves in a checkout; the usual port may be somebody's.
	dir, port := t.TempDir(), harness.FreePort(t)
	for name, to := range map[string]string{"examples": harness.Path(t, "examples"), "bin/stanzahook": harness.Binary} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.Symlink(to, filepath.Join(dir, name)))
	}
	line := func(text string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", "exec "+text)
		cmd.Dir = dir
		return cmd
	}
	if out, err := line(lines[1]).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	harness.StartProcess(t, line(lines[2]+" "+port), port)
	talk := line(lines[3] + " --listen 127.0.0.1:0 --bot http://127.0.0.1:" + port + "/hook")
	talk.Stdin = strings.NewReader("hello\n")
	out, err := talk.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	_, shown, _ := strings.Cut(page, "```\n")
	shown, _, _ = strings.Cut(shown, " in 1.9 ms\n```")
	if !strings.Contains(string(out), shown) {
		t.Errorf("the page shows\n%s\nand dev shows\n%s", shown, out)
	}
}
