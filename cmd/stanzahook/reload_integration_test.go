//go:build integration

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"stanzahook/deploy/lab"
)

// SIGHUP reads the file again: a good one counts from then on, a bad one not at
// all, and the connection to the server stays.
func TestHangup(t *testing.T) {
	forBoth(t, func(t *testing.T, s *lab.Server) {
		old, next := newBot(t), newBot(t)
		dir := t.TempDir()
		c := oneComponent(s, "reload", old)
		p := launchIn(t, dir, c)
		p.awaitLinks(1)
		u := login(t, s, "walter")
		u.echo("echo@reload.localhost", "before")
		hangup := func(said string, times int) {
			t.Helper()
			if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			eventually(t, said, func() bool {
				return p.log.count(func(e logEntry) bool { return strings.HasPrefix(e.Msg, said) }) == times
			})
		}
		c.Endpoints[0].URL = next.url()
		file := c.write(t, dir)
		hangup("the configuration was read again", 1)
		u.echo("echo@reload.localhost", "after")
		if n := len(next.got()); n != 1 {
			t.Errorf("the new bot got %d events", n)
		}
		if err := os.WriteFile(filepath.Clean(file), []byte("components: []\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		hangup("the configuration was not taken", 1)
		u.echo("echo@reload.localhost", "still")
		if n := p.connects(); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}
