//go:build integration

package faults

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/natsserver"
)

// The store of a program that was killed is copied to NATS, and that of one that was stopped
// back into another directory; each copy is killed some times. The program that is started on the copy delivers
// what waited, each event once and in order. The endpoint is
// disabled in the copy, as it was.
func TestFaultsCopy(t *testing.T) {
	besideOthers(t)
	n := natsserver.Start(t, natsserver.Options{})
	s := harness.StartServer(t, harness.ServerOptions(lab.Prosody, "copied"))
	b, dir := harness.NewBot(t), t.TempDir()
	var mu sync.Mutex
	taken := make(map[string][]string) // bodies by sender
	b.AnswerWith(func(h *harness.Hook) (int, string, string) {
		mu.Lock()
		defer mu.Unlock()
		taken[h.From] = append(taken[h.From], h.Body)
		return 204, "", ""
	})
	onNATS := harness.OneComponent(s, "copied", b)
	onNATS.Store = fmt.Sprintf(`{nats: {url: "%s", replicas: 1}, max_bytes: 256MiB}`, n.URL())
	inDirectory := onNATS
	inDirectory.Store = "{dir: store, max_bytes: 256MiB}"
	users := []harness.User{harness.Login(t, s, "alice"), harness.Login(t, s, "bob")}
	const each = 120
	sent := 0
	turn := func(p *harness.Program, how string) {
		t.Helper()
		if r, err := p.Call("POST", "/v1/endpoints/echo/"+how, "token-admin", "", ""); err != nil || r.Status != 200 {
			t.Fatalf("%+v %v", r, err)
		}
	}
	wait := func(p *harness.Program) {
		t.Helper()
		turn(p, "disable")
		for range each {
			sent++
			for _, u := range users {
				u.Send("<message to='echo@copied.localhost' type='chat' id='m%d'><body>%04d</body></message>", sent, sent)
			}
		}
		p.AwaitStored("echo", 2*each)
	}
	arrive := func(p *harness.Program) {
		t.Helper()
		if q := p.Queued("echo"); q != 2*each {
			t.Errorf("%d events wait in the copy, not %d", q, 2*each)
		}
		turn(p, "enable")
		harness.Eventually(t, "all are delivered", func() bool { return p.Queued("echo") == 0 })
		mu.Lock()
		defer mu.Unlock()
		if len(taken) != 2 {
			t.Errorf("events of %d users came", len(taken))
		}
		for from, bodies := range taken {
			if len(bodies) != sent {
				t.Errorf("%d events of %s came, not %d", len(bodies), from, sent)
			}
			for i, body := range bodies {
				if body != fmt.Sprintf("%04d", i+1) {
					t.Fatalf("the %d. event of %s is %s", i+1, from, body)
				}
			}
		}
	}
	copyStore := func(from, to string) {
		t.Helper()
		command := func() *exec.Cmd {
			return exec.Command(harness.Binary, "store", "copy", "--config", onNATS.Write(t, t.TempDir()), "--from", from, "--to", to)
		}
		for _, after := range []time.Duration{30, 100, 200, 300} { // wherever it is then
			cmd := command()
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(after * time.Millisecond) // so long the copy runs until it is killed
			_ = cmd.Process.Kill()               // it may have ended
			if cmd.Wait() == nil {
				t.Logf("copied within %d ms", after)
				return
			}
		}
		out, err := command().CombinedOutput()
		if err != nil && !strings.Contains(string(out), "it is not empty") { // killed at its very end
			t.Fatalf("%v\n%s", err, out)
		}
		t.Logf("%s", out)
	}

	p := harness.LaunchIn(t, dir, inDirectory).Started()
	p.AwaitLinks(1)
	wait(p)
	p.Kill()
	copyStore(filepath.Join(dir, "store"), n.URL())

	p = harness.LaunchIn(t, t.TempDir(), onNATS).Started()
	p.AwaitLinks(1)
	arrive(p)
	wait(p)
	p.StopWell() // killed, it could leave some that are delivered
	dir = t.TempDir()
	copyStore(n.URL(), filepath.Join(dir, "store"))

	p = harness.LaunchIn(t, dir, inDirectory).Started()
	p.AwaitLinks(1)
	arrive(p)
	p.StopWell()
}
