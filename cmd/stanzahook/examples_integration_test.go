//go:build integration

package main

import (
	"bytes"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"stanzahook/deploy/lab"
)

// The bots of the README answer a user, as they stand.
func TestExampleBots(t *testing.T) {
	python, shell, node, php := freePort(t), freePort(t), freePort(t), freePort(t)
	examples := filepath.Join("..", "..", "examples")
	start(t, exec.Command("/usr/bin/python3", filepath.Join(examples, "echo-python", "bot.py"), python), python)
	socat := exec.Command("socat", "TCP-LISTEN:"+shell+",bind=127.0.0.1,reuseaddr,fork", "EXEC:./bot.sh")
	socat.Dir = filepath.Join(examples, "echo-shell")
	start(t, socat, shell)
	start(t, exec.Command("node", filepath.Join(examples, "echo-node", "bot.js"), node), node)
	start(t, exec.Command("php", "-S", "127.0.0.1:"+php, filepath.Join(examples, "echo-php", "bot.php")), php)
	forBoth(t, func(t *testing.T, s *lab.Server) {
		u := login(t, s, "sybil")
		for name, port := range map[string]string{"python": python, "shell": shell, "node": node, "php": php} {
			c := oneComponent(s, "example", newBot(t))
			c.Endpoints[0].URL = "http://127.0.0.1:" + port + "/hook"
			p := linked(t, c)
			u.send("<message to='echo@example.localhost' type='chat' id='%s'><body>Grüße &amp; &lt;Küsse&gt; von %s</body></message>", name, name)
			r := u.next("the answer of the bot in "+name, func(r lab.Received) bool { return r.Kind == "message" && r.Type == "chat" })
			if want := fmt.Sprintf("You said: Grüße & <Küsse> von %s", name); r.Body != want || r.From != "echo@example.localhost" {
				t.Errorf("%s: %+v, want %q", name, r, want)
			}
			if code := p.stop(); code != 0 {
				t.Errorf("exit code %d", code)
			}
		}
	})
}

// The alert reaches a user, once.
func TestExampleAlert(t *testing.T) {
	forBoth(t, func(t *testing.T, s *lab.Server) {
		u := login(t, s, "victor")
		p := linked(t, oneComponent(s, "alert", newBot(t)))
		alert := func(text string) string {
			t.Helper()
			cmd := exec.CommandContext(t.Context(), filepath.Join("..", "..", "examples", "alert", "alert.sh"), "victor@localhost/test")
			cmd.Env = append(cmd.Environ(), "STANZAHOOK_TOKEN=token-all", "STANZAHOOK_API=http://"+p.addr)
			cmd.Stdin = strings.NewReader(text)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			return string(out)
		}
		first := alert("the disk is \"full\"\n")
		if again := alert("the disk is \"full\"\n"); again != first || !strings.Contains(first, `"state":"confirmed"`) {
			t.Errorf("answers %s and %s", first, again)
		}
		alert("all is well")
		for _, want := range []string{"the disk is \"full\"\n", "all is well"} {
			if r := u.next("an alert", func(r lab.Received) bool { return r.Kind == "message" }); r.Body != want {
				t.Errorf("%q came, want %q", r.Body, want)
			}
		}
	})
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// start runs a bot until the test ends, and returns when it listens.
func start(t *testing.T, cmd *exec.Cmd, port string) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait() // killed
		if t.Failed() {
			t.Logf("%s: %s", cmd, out.String())
		}
	})
	eventually(t, cmd.String()+" listens", func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
}
