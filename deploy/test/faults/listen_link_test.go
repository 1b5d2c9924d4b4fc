//go:build integration

package faults

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// A developer listens from another machine, and the line between is cut without a word: the
// temporary endpoint ends by itself, and the usual one gets what was written, in order. When
// the line is back, so is the listener.
func TestListenBehindACutLine(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		n := map[lab.Kind]int{lab.Prosody: 1, lab.Ejabberd: 2}[s.Kind()]
		far := newFarMachine(t, n)
		dir := t.TempDir()
		c := harness.OneComponent(s, "line", harness.NewBot(t))
		c.Listen = far.here + ":0"
		p := harness.LaunchLinked(t, c.Write(t, dir))
		token := filepath.Join(dir, "token")
		require.NoError(t, os.WriteFile(token, []byte("token-admin\n"), 0o600))
		u := harness.Login(t, s, "peggy")
		says := func(text string) {
			u.Send("<message to='echo@line.localhost' type='chat' id='%s'><body>%[1]s</body></message>", text)
		}
		hears := func(text string) {
			t.Helper()
			if r := u.Await("the answer to "+text, func(r lab.Received) bool { return r.Kind == "message" }); r.Body != text || r.Type != "chat" {
				t.Errorf("%+v came, want %s", r, text)
			}
		}
		listeners := func() int {
			return strings.Count(p.V1Raw("/v1/endpoints", "", "Authorization", "Bearer token-admin").Body, `"name":"_listen-`)
		}

		says("before")
		hears("before")
		l := harness.CommandUnder(t, far.within, "listen", "--api", "http://"+p.Addr, "--token-file", token, "--to", "echo@line.localhost", "--print")
		shows := func(text string) {
			t.Helper()
			harness.Eventually(t, "the listener shows "+text, func() bool { return strings.Contains(l.Log.String(), text) })
		}
		shows("comes here")
		says("printed")
		shows(`"printed" (evt_`)
		shows("→ delivered")

		began := time.Now()
		far.pull(true)
		for _, text := range []string{"one", "two", "three"} {
			says(text)
		}
		if n := listeners(); n != 1 {
			t.Errorf("there are %d temporary endpoints when the line has just been cut", n)
		}
		for _, text := range []string{"one", "two", "three"} {
			hears(text)
		}
		harness.Eventually(t, "the temporary endpoint is gone", func() bool { return listeners() == 0 })
		t.Logf("the temporary endpoint was gone %v after the line was cut", time.Since(began).Round(100*time.Millisecond))
		if strings.Contains(l.Log.String(), `"one"`) {
			t.Error("the listener has got what was written behind the cut")
		}

		far.pull(false)
		harness.Await(t, "it listens again", 3*time.Minute, func() bool { return listeners() == 1 && strings.Count(l.Log.String(), "comes here") == 2 })
		says("again")
		shows(`"again" (evt_`)
		harness.Eventually(t, "that is delivered", func() bool { return strings.Count(l.Log.String(), "→ delivered") == 2 })
		l.StopWell()
		harness.Eventually(t, "nobody listens", func() bool { return listeners() == 0 })
		says("after")
		hears("after")
	})
}
