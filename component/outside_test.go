package component_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/component"
	"stanzahook/component/componenttest"
)

// A program of forty lines in a module of its own is a component.
func TestOutsideOfTheModule(t *testing.T) {
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	dir := t.TempDir()
	write := func(name string, data []byte) {
		t.Helper()
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	read := func(name string) []byte {
		t.Helper()
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		return data
	}
	write("main.go", read("testdata/echo/main.go"))
	write("go.sum", read("../go.sum"))
	write("go.mod", []byte("module example.com/echo\n\ngo 1.26.0\n\nrequire stanzahook v0.0.0\n\nreplace stanzahook => "+root+"\n"))
	build := exec.CommandContext(t.Context(), "go", "build", "-o", "echo", ".")
	build.Dir, build.Env = dir, append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	server := componenttest.NewServer(t, domain, "secret")
	echo := exec.CommandContext(t.Context(), filepath.Join(dir, "echo"), domain, server.Addr())
	echo.Env, echo.Stderr = append(os.Environ(), "SECRET=secret"), os.Stderr
	require.NoError(t, echo.Start())
	defer func() {
		_ = echo.Process.Signal(os.Interrupt)
		if err := echo.Wait(); err != nil {
			t.Error(err)
		}
	}()
	server.WaitConnected(1)
	server.Send("<message from='u@example.com/r' to='echo@" + domain + "' type='chat' id='1'><body>hello</body></message>")
	if body, _ := server.ExpectID("1").Body(); body != "You said: hello" {
		t.Errorf("the answer is %q", body)
	}
}

// Nothing but an address, a domain and a secret is needed: without a handler nobody
// takes what comes, and the link answers where an answer is due.
func TestZeroOptions(t *testing.T) {
	server := componenttest.NewServer(t, domain, "secret")
	server.Run(component.Options{})
	server.WaitConnected(1)
	server.Send("<iq type='get' from='u@example.com/r' to='" + domain + "' id='1'><query xmlns='urn:x'/></iq>")
	if e, ok := server.ExpectID("1").StanzaError(); !ok || e.Condition != "service-unavailable" {
		t.Errorf("the answer is %v", e)
	}
}
