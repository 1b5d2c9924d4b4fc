//go:build integration && linux

package lab

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// childKind makes TestServerDiesWithParent the parent that is to die.
const childKind = "STANZAHOOK_LAB_TEST_KIND"

// A program that is killed cannot call Close: its server has to go by itself.
func TestServerDiesWithParent(t *testing.T) {
	if kind := os.Getenv(childKind); kind != "" {
		s, err := Start(t.Context(), Options{Kind: Kind(kind), Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("dir:" + s.Dir())
		select {} // until killed
	}
	forBoth(t, func(t *testing.T, ctx context.Context, o Options) {
		parent := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestServerDiesWithParent$")
		parent.Env = append(os.Environ(), childKind+"="+string(o.Kind), "TMPDIR="+t.TempDir())
		stdout, err := parent.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := parent.Start(); err != nil {
			t.Fatal(err)
		}
		var dir string
		for lines := bufio.NewScanner(stdout); dir == "" && lines.Scan(); {
			if after, ok := strings.CutPrefix(lines.Text(), "dir:"); ok {
				dir = after
			}
		}
		if dir == "" || len(processesOf(t, dir)) == 0 {
			t.Errorf("the parent did not start a server (directory %q)", dir)
		}
		if err := parent.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = parent.Wait() // killed, as it should be
		noProcesses(t, ctx, dir)
	})
}
