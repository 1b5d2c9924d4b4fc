package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/cli"
	"stanzahook/cmd/internal/config"
	"stanzahook/component/componenttest"
)

// check --live reports whether the instance has read the current content of the file.
func TestCheckLiveComparesTheConfiguration(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	text := fmt.Sprintf("components: [{domain: bot.example.com, server: %q, secret: secret}]\nstore: {dir: %q}\n%s", srv.Addr(), t.TempDir(), reloadHTTP)
	file := filepath.Join(t.TempDir(), "stanzahook.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	load := func() (*config.Config, error) { return config.Load(file, nil) }
	cfg, err := load()
	if err != nil {
		t.Fatal(err)
	}
	r := &Reloader{Load: load, Level: zap.NewAtomicLevel()}
	a, err := Start(t.Context(), cfg, zap.NewNop(), nil, r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Stop)
	srv.WaitConnected(1)
	t.Setenv(cli.EnvAPI, "http://"+a.Addr)
	shows := func(when, want string) {
		t.Helper()
		_, out, errs := inProgram(t, "check", "--live", "--config", file)
		if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
			t.Errorf("%s: %s%s", when, out, errs)
		}
	}
	const same, other = "ok configuration the running instance has read this content", "warn configuration the running instance was started with, or last reloaded, another content"
	shows("started", same)
	if err := os.WriteFile(file, []byte(text+"drain: 3s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	shows("edited", other)
	if _, err := r.reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	shows("reloaded", same)
}

// inProgram runs the program with a command line.
func inProgram(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	code = cli.Run(t.Context(), args, &out, &errs, nil)
	return code, out.String(), errs.String()
}
