//go:build integration && linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
)

// programs builds what the demo starts, and the demo itself.
func programs(t *testing.T) (demo string, o options) {
	t.Helper()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", dir+"/",
		"stanzahook/cmd/stanzahook", "stanzahook/examples/echo-go", "stanzahook/examples/contacts-go", "stanzahook/examples/demo")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, "demo"), options{
		stanzahook: filepath.Join(dir, "stanzahook"),
		bot:        filepath.Join(dir, "echo-go"),
		contacts:   filepath.Join(dir, "contacts-go"),
	}
}

func TestDemo(t *testing.T) {
	demo, o := programs(t)
	t.Run("conversation", func(t *testing.T) { testConversation(t, o) })
	t.Run("failure", func(t *testing.T) { testFailureIsShown(t, o) })
	t.Run("own bot", func(t *testing.T) { testOwnBot(t, o) })
	t.Run("end", func(t *testing.T) { testEnds(t, demo, o) })
}

func forBoth(t *testing.T, test func(*testing.T, lab.Kind)) {
	for _, kind := range []lab.Kind{lab.Prosody, lab.Ejabberd} {
		t.Run(string(kind), func(t *testing.T) { test(t, kind) })
	}
}

func testConversation(t *testing.T, o options) {
	forBoth(t, func(t *testing.T, kind lab.Kind) {
		tmp := temporary(t)
		o.server = kind
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), o, &stdout, &stderr)
		if code != 0 || stderr.Len() > 0 || !strings.Contains(stdout.String(), "\nAll of it worked") {
			t.Errorf("exit code %d, output:\n%s%s", code, &stdout, &stderr)
		}
		nothingLeft(t, tmp)
	})
}

// With a bot of one's own, it gets the events, and what is printed can be pasted.
func testOwnBot(t *testing.T, o options) {
	tmp := temporary(t)
	hooked := make(chan string, 1)
	bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case hooked <- r.URL.Path:
		default:
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer bot.Close()
	o.server, o.keep, o.bot, o.botURL = lab.Prosody, true, "/bin/false", bot.URL+"/hook"
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	read, write := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, o, write, t.Output())
		_ = write.Close()
	}()
	export := regexp.MustCompile(`export STANZAHOOK_API=(\S+) STANZAHOOK_TOKEN=(\S+)`)
	its := regexp.MustCompile(`^  its log +(/\S+/stanzahook\.log)$`)
	var api, token, log string
	for lines := bufio.NewScanner(read); lines.Scan(); {
		if found := export.FindStringSubmatch(lines.Text()); found != nil {
			api, token = found[1], found[2]
		}
		if found := its.FindStringSubmatch(lines.Text()); found != nil {
			log = found[1]
		}
		if !strings.Contains(lines.Text(), "/readyz") { // the last it says by itself
			continue
		}
		if text, err := os.ReadFile(log); err != nil || !strings.Contains(string(text), `"msg":"started"`) {
			t.Errorf("the log at %q: %v\n%s", log, err, text)
		}
		for _, line := range [][]string{{"status"}, {"send", "--to", "alice@localhost", "--from", "news@bot.localhost", "--file", "demo_integration_test.go"}, {"bots", "put", "echo@bot.localhost", "--name", "Echo"},
			{"rooms", "join", "lounge@rooms.localhost", "--from", "echo@bot.localhost", "--create"}, {"send", "--room", "lounge@rooms.localhost", "--from", "echo@bot.localhost", "--body", "Hello, room!"}, {"endpoints", "test", "echo"}, {"deliveries", "list"}} {
			cmd := exec.CommandContext(ctx, o.stanzahook, line...)
			cmd.Env = append(os.Environ(), "STANZAHOOK_API="+api, "STANZAHOOK_TOKEN="+token)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %v\n%s", line, err, out)
			}
		}
		// As the guides say it works: the room has an archive, and its messages have ids.
		room := exec.CommandContext(ctx, "curl", "-fsS", "-H", "Authorization: Bearer "+token, api+"/v1/rooms/lounge@rooms.localhost/history")
		if out, err := room.CombinedOutput(); err != nil || !strings.Contains(string(out), "Hello, room!") || !strings.Contains(string(out), `"ref":"r1_`) {
			t.Errorf("the room: %v\n%s", err, out)
		}
		cancel()
	}
	if code := <-ended; code != 0 || api == "" || len(hooked) != 1 || <-hooked != "/hook" {
		t.Errorf("exit code %d, API %q", code, api)
	}
	nothingLeft(t, tmp)
}

func testFailureIsShown(t *testing.T, o options) {
	tmp := temporary(t)
	o.server, o.stanzahook = lab.Prosody, "/bin/false"
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), o, &stdout, &stderr); code != 1 {
		t.Errorf("exit code %d", code)
	}
	for _, part := range []string{"FAILED: stanzahook did not start", "exit status 1", "The end of stanzahook's log", "The end of the log of prosody"} {
		if !strings.Contains(stderr.String(), part) {
			t.Errorf("%q is missing in:\n%s", part, &stderr)
		}
	}
	nothingLeft(t, tmp)
}

// Whatever ends the demo, nothing is left.
func testEnds(t *testing.T, demo string, o options) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			forBoth(t, func(t *testing.T, kind lab.Kind) {
				tmp := temporary(t)
				ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
				defer cancel()
				cmd := exec.CommandContext(ctx, demo, "--keep", "--server", string(kind), "--stanzahook", o.stanzahook, "--bot", o.bot, "--contacts", o.contacts)
				cmd.Stderr = t.Output()
				stdout, err := cmd.StdoutPipe()
				require.NoError(t, err)
				require.NoError(t, cmd.Start())
				running := false
				for lines := bufio.NewScanner(stdout); lines.Scan(); {
					if strings.Contains(lines.Text(), "/readyz") { // the last it says by itself
						running = true
						if err := cmd.Process.Signal(signal); err != nil {
							t.Error(err)
						}
					}
				}
				if !running {
					t.Error("it did not come up")
				}
				if err := cmd.Wait(); (err == nil) != (signal != syscall.SIGKILL) {
					t.Error(err)
				}
				nothingLeft(t, tmp)
			})
		})
	}
}

// temporary makes a directory of its own the one for temporary files.
func temporary(t *testing.T) string {
	t.Helper()
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	return tmp
}

// nothingLeft checks that neither files nor processes are left. After a SIGKILL it
// may take a moment.
func nothingLeft(t *testing.T, tmp string) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		left := leftIn(t, tmp)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left behind: %q", left)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// leftIn lists the files in a directory, and the processes that have it in their
// arguments or in their environment's HOME.
func leftIn(t *testing.T, tmp string) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(tmp, "*"))
	require.NoError(t, err)
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil || len(processes) == 0 {
		t.Fatalf("no /proc to look for processes in (%v)", err)
	}
	for _, p := range processes {
		// An error means that it is another user's, or gone.
		args, _ := os.ReadFile(filepath.Join(p, "cmdline"))
		env, _ := os.ReadFile(filepath.Join(p, "environ"))
		if strings.Contains(string(args), tmp+"/") || strings.Contains("\x00"+string(env), "\x00HOME="+tmp+"/") {
			left = append(left, strings.ReplaceAll(string(args), "\x00", " "))
		}
	}
	return left
}
