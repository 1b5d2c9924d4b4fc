package webhook_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/webhook"
)

// A program of another module sends a webhook with this package alone: it works, and
// links neither NATS nor the engine.
func TestOutside(t *testing.T) {
	bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, "hi from the bot")
	}))
	defer bot.Close()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	dir := t.TempDir()
	for name, from := range map[string]string{"main.go": "testdata/outside/main.go", "go.sum": filepath.Join(root, "go.sum")} {
		data, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o644)
		}
		require.NoError(t, err)
	}
	mod := "module example.com/sender\n\ngo 1.26\n\nrequire stanzahook v0.0.0\n\nreplace stanzahook => " + root + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o644))
	run := func(args ...string) string {
		t.Helper()
		c := exec.CommandContext(t.Context(), "go", args...)
		c.Dir, c.Env = dir, append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	for _, banned := range []string{"nats", "stanzahook/pkg/store", "stanzahook/pkg/delivery"} {
		if deps := run("list", "-deps", "."); strings.Contains(deps, banned) || !strings.Contains(deps, "stanzahook/pkg/webhook") {
			t.Errorf("it links %s:\n%s", banned, deps)
		}
	}
	if got := run("run", ".", bot.URL, "<message type='chat' id='1' from='u@example.com/r' to='echo@bot.example.com'><body>hi</body></message>"); got != "hi from the bot\n" {
		t.Errorf("it prints %q", got)
	}
}

// What is missing or wrong is said at once.
func TestNewClient(t *testing.T) {
	for text, e := range map[string]webhook.Endpoint{
		"the URL ":                 {Name: "none"},
		"the URL":                  {URL: "ftp://example.com/"},
		`no format is named "xml"`: {URL: "http://127.0.0.1/", Format: "xml"},
	} {
		if _, err := webhook.NewClient(&e); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%+v: %v", e, err)
		}
	}
	e := (&webhook.Endpoint{URL: "http://127.0.0.1/"}).WithDefaults()
	if e.Timeout <= 0 || e.Concurrency <= 0 || e.MaxAge <= 0 || len(e.Schedule) == 0 || e.Format == "" || e.UserAgent == "" {
		t.Errorf("%+v", e)
	}
}
