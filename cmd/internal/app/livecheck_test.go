package app

import (
	"os"
	"strings"
	"testing"

	"stanzahook/cmd/internal/cli"
)

// check --live reports whether the instance has read the current content of the file.
func TestCheckLiveComparesTheConfiguration(t *testing.T) {
	x := startApp(t, noAuth)
	t.Setenv(cli.EnvAPI, "http://"+x.Addr)
	text, err := os.ReadFile(x.file)
	if err != nil {
		t.Fatal(err)
	}
	shows := func(when, want string) {
		t.Helper()
		_, out, errs := inProgram(t, "check", "--live", "--config", x.file)
		if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
			t.Errorf("%s: %s%s", when, out, errs)
		}
	}
	const same, other = "ok configuration the running instance has read this content", "warn configuration the running instance has read another content"
	shows("started", same)
	x.write(string(text) + "drain: 3s\n")
	shows("edited", other)
	if _, err := x.r.reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	shows("reloaded", same)
}
