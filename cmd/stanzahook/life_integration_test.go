//go:build integration

package main

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
)

func TestVersion(t *testing.T) {
	p := command(t, "version")
	if code := p.wait(); code != 0 || !strings.HasPrefix(p.log.String(), "stanzahook dev\ncommit ") || !strings.Contains(p.log.String(), runtime.Version()) {
		t.Errorf("exit code %d, output %q", code, p.log.String())
	}
	p = command(t, "version", "--json")
	var v struct{ Version, Commit, Go string }
	if code := p.wait(); code != 0 || json.Unmarshal([]byte(p.log.String()), &v) != nil || v.Version == "" || v.Commit == "" || v.Go == "" {
		t.Errorf("exit code %d, output %q", code, p.log.String())
	}
}

func TestWrongUsage(t *testing.T) {
	for _, args := range [][]string{{"serv"}, {"serve", "--confg", "x"}, {"serve", "x"}} {
		p := command(t, args...)
		if code := p.wait(); code != 2 || !strings.Contains(p.log.String(), "--help") {
			t.Errorf("%q: exit code %d, output %q", args, code, p.log.String())
		}
	}
}

func TestBadConfiguration(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stanzahook.yaml")
	text := "components:\n  - domain: bot.localhost\n    secert: x\nendpoints:\n  - name: echo\n    url: ftp://127.0.0.1/\n    timeout: soon\nhttp:\n  listen: here\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := command(t, "serve", "--config", file)
	if code := p.wait(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{
		"stanzahook.yaml:3: components[0].secert", "stanzahook.yaml:6: endpoints[0].url",
		"stanzahook.yaml:7: endpoints[0].timeout", "stanzahook.yaml:9: http.listen",
	} {
		if !strings.Contains(p.log.String(), want) {
			t.Errorf("no %q in\n%s", want, p.log.String())
		}
	}
	p = command(t, "serve", "--config", filepath.Join(t.TempDir(), "missing.yaml"))
	if code := p.wait(); code != 1 || !strings.Contains(p.log.String(), "missing.yaml") {
		t.Errorf("without a file: exit code %d, output %q", code, p.log.String())
	}
}

// On SIGTERM the answers that are under way still reach their clients.
func TestTerminate(t *testing.T) {
	forBoth(t, func(t *testing.T, s *lab.Server) {
		b := newBot(t)
		p := linked(t, oneComponent(s, "term", b))
		ivan := login(t, s, "ivan")
		asked, open := make(chan struct{}, 10), make(chan struct{})
		proceed := sync.OnceFunc(func() { close(open) })
		t.Cleanup(proceed)
		b.do(func(h *hook) (int, string, string) {
			asked <- struct{}{}
			<-open
			return echo(h)
		})
		ivan.send("%s", numbered("echo@term.localhost", 1))
		select {
		case <-asked:
		case <-time.After(patience):
			t.Fatal("nothing reached the bot")
		}
		start := time.Now()
		p.terminate()
		eventually(t, "stanzahook is stopping", func() bool {
			return p.log.count(func(e logEntry) bool { return e.Msg == "stopping" }) == 1
		})
		proceed()
		r := ivan.next("the last echo", func(r lab.Received) bool { return r.Kind == "message" })
		if r.Body != "1" {
			t.Errorf("the client got %+v", r)
		}
		if code := p.wait(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		if took := time.Since(start); took > 6*time.Second {
			t.Errorf("it took %v to end with drain: 5s", took)
		}
	})
}

// A bot that never answers does not hold the end up for longer than drain, and
// what it has not answered comes again after the start.
func TestTerminateWithoutAnswer(t *testing.T) {
	forBoth(t, func(t *testing.T, s *lab.Server) {
		b := newBot(t)
		dir, c := t.TempDir(), oneComponent(s, "term", b)
		p := launchIn(t, dir, c)
		p.awaitLinks(1)
		judy := login(t, s, "judy")
		b.do(busy)
		for i := range 3 {
			judy.send("%s", numbered("echo@term.localhost", i))
		}
		eventually(t, "the bot is asked", func() bool { return len(b.got()) > 0 })
		start := time.Now()
		if code := p.stop(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		if took := time.Since(start); took > 6*time.Second {
			t.Errorf("it took %v to end with drain: 5s", took)
		}
		first := b.got()[0]
		before := len(b.got())
		b.do(nil)
		launchIn(t, dir, c)
		for i := range 3 {
			r := judy.next(fmt.Sprintf("echo %d", i), func(r lab.Received) bool { return r.Kind == "message" })
			if r.Body != fmt.Sprint(i) {
				t.Fatalf("instead of echo %d came %+v", i, r)
			}
		}
		if again := b.got()[before]; again.ID != first.ID || again.Body != first.Body {
			t.Errorf("first %s, after the restart %s", first.Raw, again.Raw)
		}
	})
}
