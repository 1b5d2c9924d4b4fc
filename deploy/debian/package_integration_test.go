//go:build integration && deb

package debian

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The whole of a release is built twice, in two places: it has to be the same. With
// another version of the package it is then installed, upgraded, removed and purged.
func TestPackage(t *testing.T) {
	top, err := filepath.Abs("../..")
	require.NoError(t, err)
	out := t.TempDir()
	one := release(t, top, "v1.0.0", filepath.Join(out, "one"))
	two := release(t, copyOf(t, top), "v1.0.0", filepath.Join(out, "two"))
	if one != two {
		t.Errorf("two builds differ:\n%s\n%s", one, two)
	}
	for _, name := range []string{"stanzahook-linux-" + runtime.GOARCH, "stanzahook-linux-" + runtime.GOARCH + ".cdx.json", "stanzahook_1.0.0-1_" + runtime.GOARCH + ".deb", "licenses.txt"} {
		if !strings.Contains(one, "  "+name+"\n") {
			t.Errorf("no %s in\n%s", name, one)
		}
	}
	release(t, top, "v1.1.0-rc.1-3-gabcdef0", filepath.Join(out, "newer"))
	old := filepath.Join(out, "one", "stanzahook_1.0.0-1_"+runtime.GOARCH+".deb")
	newer := filepath.Join(out, "newer", "stanzahook_1.1.0~rc.1+3.gabcdef0-1_"+runtime.GOARCH+".deb")

	t.Run("lintian", func(t *testing.T) {
		said := output(t, exec.Command("lintian", "--allow-root", "--fail-on=error,warning,info,pedantic", "--display-info", "--pedantic", old))
		if said != "" {
			t.Errorf("lintian says\n%s", said)
		}
	})
	t.Run("install", func(t *testing.T) {
		said := output(t, exec.Command("sh", "test.sh", old, newer))
		if !strings.HasSuffix(said, "deb-test: ok\n") {
			t.Errorf("it says\n%s", said)
		}
	})
}

// What systemd has against the unit is explained in it.
func TestUnit(t *testing.T) {
	const worst = 15 // tenths
	output(t, exec.Command("systemd-analyze", "security", "--offline=true", fmt.Sprintf("--threshold=%d", worst), "../systemd/stanzahook.service"))
}

// release builds for this machine only, and returns SHA256SUMS.
func release(t *testing.T, top, version, out string) string {
	t.Helper()
	cmd := exec.Command("sh", filepath.Join(top, "deploy", "release.sh"), version, out)
	cmd.Env = append(os.Environ(), "ARCHS="+runtime.GOARCH, "SOURCE_DATE_EPOCH=1800000000", "COMPRESSION=1", "GOFLAGS=-buildvcs=false")
	output(t, cmd)
	sums, err := os.ReadFile(filepath.Join(out, "SHA256SUMS"))
	require.NoError(t, err)
	return string(sums)
}

// copyOf copies what a release is built of to another place.
func copyOf(t *testing.T, top string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"cmd", "pkg", "component", "httpapi", "deploy", "go.mod", "go.sum", "LICENSE", "CHANGELOG.md", "README.md", "examples"} {
		output(t, exec.Command("cp", "-R", filepath.Join(top, name), dir))
	}
	return dir
}

// output runs a command that has to succeed.
func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.Output()
	if err != nil {
		errors := ""
		if exit, ok := err.(*exec.ExitError); ok {
			errors = string(exit.Stderr)
		}
		t.Fatalf("%s: %v\n%s%s", cmd, err, out, errors)
	}
	return string(out)
}
