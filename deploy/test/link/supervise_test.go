//go:build integration

package link

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab/harness"
)

// A service manager hears that the program is ready, though no XMPP server is
// there, that it is well for as long as it runs, and that it stops.
func TestNotify(t *testing.T) {
	n := harness.ListenNotices(t, filepath.Join(t.TempDir(), "notify"), "1000000")
	p := harness.Launch(t, harness.Config{
		Components: []harness.Component{{Domain: "notify.localhost", Server: "127.0.0.1:1", Secret: harness.Secret}},
		Endpoints:  []harness.Endpoint{{Name: "echo", URL: "http://127.0.0.1:1/", Component: "notify.localhost"}},
	})
	n.Expect(t, "READY=1\nWATCHDOG_USEC=1000000")
	alive, status := 0, ""
	for range 30 {
		switch got := n.Next(t, harness.Patience); {
		case got == "WATCHDOG=1":
			alive++
		case strings.HasPrefix(got, "STATUS=0 of 1 components connected; notify.localhost: "):
			status = got
		default:
			t.Fatalf("got %q", got)
		}
		if alive >= 4 && strings.Contains(status, "127.0.0.1:1") {
			break
		}
	}
	if alive < 4 || !strings.Contains(status, "127.0.0.1:1") {
		t.Errorf("told to be well %d times, the last status %q", alive, status)
	}
	p.Terminate()
	for {
		got := n.Next(t, harness.Patience) // the watchdog may have been fed once more
		if strings.HasPrefix(got, "STOPPING=1\nSTATUS=stopping\n") {
			break
		}
		if got == "" {
			t.Fatal("nothing is said about the end")
		}
	}
	if code := p.Wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if got := n.Next(t, time.Millisecond); got != "" {
		t.Errorf("after the end: %q", got)
	}
}
