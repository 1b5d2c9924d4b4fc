//go:build integration

package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// A copy of the store that is made while it is written to, which the operator's guide
// speaks of: it opens, and what was stored before the copy began is in it.
func TestCopyWhileRunning(t *testing.T) {
	besideOthers(t)
	s := harness.StartServer(t, harness.ServerOptions(lab.Prosody, "copied"))
	dir := t.TempDir()
	config := fmt.Sprintf("components:\n  - {domain: copied.localhost, server: \"%s\", secret: %s}\nendpoints:\n  - {name: waiting}\nhttp: {listen: \"127.0.0.1:0\", tokens: [{name: admin, hash: %q, scopes: [admin]}]}\nstore: {dir: store}\n", s.ComponentAddr(), harness.Secret, harness.HashOf("token-admin"))
	p := harness.LaunchLinked(t, harness.WriteConfig(t, dir, config))
	u := harness.Login(t, s, "alice")
	const first, more, copied = 500, 300, 3
	for i := range first {
		u.Send("<message to='bot@copied.localhost' type='chat' id='a%d'><body>the message number %d of many</body></message>", i, i)
	}
	harness.Eventually(t, "the first are stored", func() bool { return p.Stored("waiting") >= first })
	copies := filepath.Join(dir, "copies")
	for i := range more {
		u.Send("<message to='bot@copied.localhost' type='chat' id='b%d'><body>the message number %d of many</body></message>", i, i)
		if i%100 == 50 {
			if out, err := exec.Command("sh", "-c", "mkdir -p $1 && cp -a $2 $1/"+fmt.Sprint(i), "sh", copies, filepath.Join(dir, "store")).CombinedOutput(); err != nil {
				t.Logf("copy %d: %v %s", i, err, out) // files may go while it copies
			}
		}
	}
	harness.Eventually(t, "all are stored", func() bool { return p.Stored("waiting") == first+more })
	p.StopWell()
	found, err := filepath.Glob(copies + "/*")
	if err != nil || len(found) != copied {
		t.Fatalf("%q %v", found, err)
	}
	for _, store := range found {
		other := filepath.Join(dir, filepath.Base(store)+".yaml")
		if err := os.WriteFile(other, []byte(strings.Replace(config, "dir: store", "dir: "+store, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		p := harness.LaunchLinked(t, other)
		n := p.Stored("waiting")
		t.Logf("copy %s has %d", filepath.Base(store), n)
		if n < first {
			t.Errorf("the copy %s has %d of the %d events that were stored before it was begun", filepath.Base(store), n, first)
		}
		p.StopWell()
	}
}
