//go:build integration && npm

package hooks

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// The clients that npm has for Slack, ntfy and Gotify send to a user and into a room;
// "make tools-test" installs them.
func TestNpmClients(t *testing.T) {
	modules := os.Getenv("STANZAHOOK_TOOLS")
	if modules == "" {
		t.Fatal("STANZAHOOK_TOOLS names no directory with the modules; make tools-test makes one")
	}
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := newStage(t, kind, "", "slack", "ntfy", "gotify")
		cmd := exec.CommandContext(t.Context(), "node", "testdata/tools.mjs", "http://"+s.p.Addr, modules)
		var log strings.Builder
		cmd.Stderr = &log
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(out)
		says := func(want string) {
			t.Helper()
			if !lines.Scan() || lines.Text() != want {
				t.Fatalf("the clients say %s, not %s\n%s", lines.Text(), want, log.String())
			}
		}
		comes := func(bot, text string) (toUser, inRoom read) {
			t.Helper()
			toUser, inRoom = s.chat(bot, text), s.said(bot, text)
			if toUser.Body != text || inRoom.Body != text {
				t.Errorf("%s: %q and %q, not %q", bot, toUser.Body, inRoom.Body, text)
			}
			return toUser, inRoom
		}
		says(`{"hook":"ok","user":"slack","ok":true}`)
		comes("slack", "*News* from here (https://example.org)")
		toUser, inRoom := comes("slack", "Hello world\nAnd here's an attachment!")
		s.echoed(2)
		if _, err := fmt.Fprintln(in, "go on"); err != nil {
			t.Fatal(err)
		}
		says(`{"unknown":"message_not_found","event":"message","message":"It has finished"}`)
		if u, r := comes("slack", "In the thread"); u.Reply != toUser.ID || r.Reply != inRoom.Stanza {
			t.Errorf("%+v and %+v are no replies to %+v and %+v", u, r, toUser, inRoom)
		}
		if u, r := comes("slack", "Hello again"); u.Replace != toUser.ID || r.Replace != inRoom.ID {
			t.Errorf("%+v and %+v do not correct %+v and %+v", u, r, toUser, inRoom)
		}
		comes("ntfy", "❗ ⚠️ Unauthorized\nRemote access detected\nOpen: https://example.org/a")
		comes("gotify", "Backup\nIt has finished")
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v\n%s", err, log.String())
		}
	})
}
