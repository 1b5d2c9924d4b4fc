//go:build integration

package link

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

func TestVersion(t *testing.T) {
	p := harness.Command(t, "version")
	if code := p.Wait(); code != 0 || !strings.HasPrefix(p.Log.String(), "stanzahook "+harness.Version(t)+"\ncommit ") || !strings.Contains(p.Log.String(), runtime.Version()) {
		t.Errorf("exit code %d, output %q", code, p.Log.String())
	}
	p = harness.Command(t, "version", "--json")
	var v struct{ Version, Commit, Go string }
	if code := p.Wait(); code != 0 || json.Unmarshal([]byte(p.Log.String()), &v) != nil || v.Version == "" || v.Commit == "" || v.Go == "" {
		t.Errorf("exit code %d, output %q", code, p.Log.String())
	}
}

func TestWrongUsage(t *testing.T) {
	for _, args := range [][]string{{"serv"}, {"serve", "--confg", "x"}, {"serve", "x"}} {
		p := harness.Command(t, args...)
		if code := p.Wait(); code != 2 || !strings.Contains(p.Log.String(), "--help") {
			t.Errorf("%q: exit code %d, output %q", args, code, p.Log.String())
		}
	}
}

func TestBadConfiguration(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stanzahook.yaml")
	text := "components:\n  - domain: bot.localhost\n    secert: x\nendpoints:\n  - name: echo\n    url: ftp://127.0.0.1/\n    timeout: soon\nhttp:\n  listen: here\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := harness.Command(t, "serve", "--config", file)
	if code := p.Wait(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{
		"stanzahook.yaml:3: components[0].secert", "stanzahook.yaml:6: endpoints[0].url",
		"stanzahook.yaml:7: endpoints[0].timeout", "stanzahook.yaml:9: http.listen",
	} {
		if !strings.Contains(p.Log.String(), want) {
			t.Errorf("no %q in\n%s", want, p.Log.String())
		}
	}
	p = harness.Command(t, "serve", "--config", filepath.Join(t.TempDir(), "missing.yaml"))
	if code := p.Wait(); code != 1 || !strings.Contains(p.Log.String(), "missing.yaml") {
		t.Errorf("without a file: exit code %d, output %q", code, p.Log.String())
	}
}

// patient is an endpoint that waits for its bot for longer than a test waits for the end of a
// process: the process ends by the answer, or by drain, or the test fails.
func patient(s *lab.Server, b *harness.Bot) harness.Config {
	c := harness.OneComponent(s, "term", b)
	c.Endpoints[0].Timeout = (2 * harness.Patience).String()
	return c
}

// hold lets a bot answer only when it may, and returns what waits until it is asked.
func hold(t *testing.T, b *harness.Bot) (awaitRequest, proceed func()) {
	asked, open := make(chan struct{}, 10), make(chan struct{})
	proceed = sync.OnceFunc(func() { close(open) })
	t.Cleanup(proceed)
	b.AnswerWith(func(h *harness.Hook) (int, string, string) {
		asked <- struct{}{}
		<-open
		return harness.EchoAnswer(h)
	})
	return func() {
		t.Helper()
		select {
		case <-asked:
		case <-time.After(harness.Patience):
			t.Fatal("nothing reached the bot")
		}
	}, proceed
}

// On SIGTERM the answers that are under way still reach their clients.
func TestTerminate(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		b := harness.NewBot(t)
		p := harness.LaunchConnected(t, patient(s, b))
		ivan := harness.Login(t, s, "ivan")
		awaitRequest, proceed := hold(t, b)
		ivan.Send("%s", harness.NumberedMessage("echo@term.localhost", 1))
		awaitRequest()
		start := time.Now()
		p.Terminate()
		harness.Eventually(t, "stanzahook is stopping", func() bool {
			return p.Log.Count(func(e harness.LogEntry) bool { return e.Msg == "stopping" }) == 1
		})
		proceed()
		r := ivan.Await("the last echo", func(r lab.Received) bool { return r.Kind == "message" })
		if r.Body != "1" {
			t.Errorf("the client got %+v", r)
		}
		if code := p.Wait(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		t.Logf("it took %v to end, with drain: 5s", time.Since(start).Round(time.Millisecond))
	})
}

// A bot that never answers does not hold the end up for longer than drain, and
// what it has not answered comes again after the start.
func TestTerminateWithoutAnswer(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		b := harness.NewBot(t)
		file := patient(s, b).Write(t, t.TempDir())
		p := harness.LaunchLinked(t, file)
		judy := harness.Login(t, s, "judy")
		awaitRequest, proceed := hold(t, b)
		for i := range 3 {
			judy.Send("%s", harness.NumberedMessage("echo@term.localhost", i))
		}
		awaitRequest()
		start := time.Now()
		p.StopWell()
		t.Logf("it took %v to end, with drain: 5s", time.Since(start).Round(time.Millisecond))
		proceed()
		harness.Eventually(t, "the bot has answered nobody", func() bool { return len(b.Got()) > 0 })
		first := b.Got()[0]
		before := len(b.Got())
		b.AnswerWith(nil)
		harness.LaunchFile(t, file)
		for i := range 3 {
			r := judy.Await(fmt.Sprintf("echo %d", i), func(r lab.Received) bool { return r.Kind == "message" })
			if r.Body != fmt.Sprint(i) {
				t.Fatalf("instead of echo %d came %+v", i, r)
			}
		}
		if again := b.Got()[before]; again.ID != first.ID || again.Body != first.Body {
			t.Errorf("first %s, after the restart %s", first.Raw, again.Raw)
		}
	})
}
