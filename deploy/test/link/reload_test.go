//go:build integration

package link

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// SIGHUP reads the file again: a good one counts from then on, a bad one not at
// all, and the connection to the server stays.
func TestHangup(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		old, next := harness.NewBot(t), harness.NewBot(t)
		dir := t.TempDir()
		c := harness.OneComponent(s, "reload", old)
		p := harness.LaunchLinked(t, c.Write(t, dir))
		u := harness.Login(t, s, "walter")
		u.Echo("echo@reload.localhost", "before")
		hangup := func(said string, times int) {
			t.Helper()
			require.NoError(t, p.Cmd.Process.Signal(syscall.SIGHUP))
			harness.Eventually(t, said, func() bool {
				return p.Log.Count(func(e harness.LogEntry) bool { return strings.HasPrefix(e.Msg, said) }) == times
			})
		}
		c.Endpoints[0].URL = next.URL()
		file := c.Write(t, dir)
		hangup("configuration reloaded", 1)
		u.Echo("echo@reload.localhost", "after")
		if n := len(next.Got()); n != 1 {
			t.Errorf("the new bot got %d events", n)
		}
		require.NoError(t, os.WriteFile(filepath.Clean(file), []byte("components: []\n"), 0o600))
		hangup("configuration rejected", 1)
		u.Echo("echo@reload.localhost", "still")
		if n := p.Connects(); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}
