package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The rooms of the house: pkg is below everything, httpapi and component do
// not know each other, and each outside library has its room.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "stanzahook/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	rules := []struct{ who, not, but string }{
		{"stanzahook/pkg/", "stanzahook/cmd", ""},
		{"stanzahook/pkg/", "stanzahook/httpapi", ""},
		{"stanzahook/pkg/", "stanzahook/component", ""},
		{"stanzahook/component", "stanzahook/httpapi", ""},
		{"stanzahook/httpapi", "stanzahook/component", ""},
		{"stanzahook/", "github.com/spf13/viper", "stanzahook/cmd/internal/config"},
		{"stanzahook/", "github.com/spf13/", "stanzahook/cmd/internal/c"},
		{"stanzahook/", "github.com/schollz/", "stanzahook/cmd/internal/cli"},
		{"stanzahook/", "golang.org/x/term", "stanzahook/cmd/"},
		{"stanzahook/", "github.com/prometheus/", "stanzahook/cmd/internal/metrics"},
		{"stanzahook/", "github.com/coreos/", "stanzahook/cmd/internal/systemd"},
		{"stanzahook/", "github.com/gorilla/", "stanzahook/httpapi"},
		{"stanzahook/", "github.com/modelcontextprotocol/", "stanzahook/httpapi/mcp"},
		{"stanzahook/", "github.com/google/jsonschema-go", "stanzahook/httpapi/tools"},
		{"stanzahook/", "github.com/nats-io/", "stanzahook/pkg/store/internal/stream"},
		{"stanzahook/pkg/", "google.golang.org/", "stanzahook/pkg/tracing"},
		{"stanzahook/c", "google.golang.org/", ""},
		{"stanzahook/httpapi", "google.golang.org/", ""},
		{"stanzahook/", "go.opentelemetry.io/", "stanzahook/deploy/lab/collector"},
		{"stanzahook/pkg/jid", "stanzahook/", ""},
		{"stanzahook/pkg/webhook", "stanzahook/pkg/delivery", ""},
		{"stanzahook/pkg/webhook", "stanzahook/pkg/store", ""},
		{"stanzahook/pkg/stanza", "stanzahook/pkg/webhook", ""},
		{"stanzahook/pkg/stanza", "stanzahook/pkg/store", ""},
		{"stanzahook/cmd/internal/config", "stanzahook/cmd/", ""},
		{"stanzahook/cmd/internal/build", "stanzahook/", ""},
		{"stanzahook/", "stanzahook/cmd/internal/cli", "stanzahook/cmd/stanzahook"},
		{"stanzahook/", "stanzahook/cmd/internal/app", "stanzahook/cmd/stanzahook"},
		{"stanzahook/", "stanzahook/cmd/internal/dev", "stanzahook/cmd/internal/cli"},
		{"stanzahook/cmd/internal/instance", "stanzahook/cmd/internal/c", ""},
		{"stanzahook/cmd/internal/terminal", "stanzahook/", ""},
		{"stanzahook/cmd/internal/systemd", "stanzahook/", ""},
		{"stanzahook/cmd/internal/made", "stanzahook/component", ""},
		{"stanzahook/", "stanzahook/cmd/internal/api", "stanzahook/cmd/internal/app"},
		{"stanzahook/", "stanzahook/cmd/internal/happenings", "stanzahook/cmd/internal/app"},
		{"stanzahook/", "stanzahook/cmd/internal/questions", "stanzahook/cmd/internal/app"},
		{"stanzahook/", "stanzahook/cmd/internal/rosters", "stanzahook/cmd/internal/app"},
		{"stanzahook/", "stanzahook/cmd/internal/profiles", "stanzahook/cmd/internal/app"},
		{"stanzahook/", "stanzahook/cmd/internal/standby", "stanzahook/cmd/"},
		{"stanzahook/", "stanzahook/cmd/internal/listeners", "stanzahook/cmd/internal/app"},
		{"stanzahook/cmd/internal/listeners", "stanzahook/component", ""},
		{"stanzahook/", "stanzahook/cmd/internal/sending", "stanzahook/cmd/internal/app"},
		{"stanzahook/cmd/internal/standby", "stanzahook/component", ""},
		{"stanzahook/", "stanzahook/cmd/internal/metrics", "stanzahook/cmd/internal/app"},
		{"stanzahook/cmd/", "testing", ""},
		{"stanzahook/httpapi", "testing", ""},
		{"stanzahook/pkg/", "testing", ""},
		{"stanzahook/component", "testing", "stanzahook/component/componenttest"},
	}
	// The seam between HTTP and XMPP knows only stanzas and addresses; the tail gets events,
	// and imports none of the packages that they come from.
	only := map[string][]string{"stanzahook/pkg/gateway": {"stanzahook/pkg/jid", "stanzahook/pkg/stanza"}, "stanzahook/pkg/tail": {"stanzahook/pkg/jid", "stanzahook/pkg/gateway"},
		"stanzahook/pkg/tracing": {"stanzahook/pkg/loglimit"}}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) < 8 {
		t.Fatalf("go list knows only %d packages:\n%s", len(lines), out)
	}
	for _, line := range lines {
		names := strings.Fields(line)
		for _, imported := range names[1:] {
			if may := only[names[0]]; may != nil && strings.HasPrefix(imported, "stanzahook/") && !slices.Contains(may, imported) {
				t.Errorf("%s must import only %s of ours, and not %s", names[0], may, imported)
			}
			for _, r := range rules {
				if strings.HasPrefix(names[0], r.who) && strings.HasPrefix(imported, r.not) && (r.but == "" || !strings.HasPrefix(names[0], r.but)) {
					t.Errorf("%s must not import %s", names[0], imported)
				}
			}
		}
	}
}

// The documents of packages, and what is written for contributors, name files by which a reader
// walks. Each is in the package, beside the file that was named before it, or at the path that
// is given.
func TestDocsNameFiles(t *testing.T) {
	root := os.DirFS("../..")
	name, n := regexp.MustCompile(`[\w*/]*\w[\w*]*\.go\b`), 0
	check := func(doc, text string) {
		last := "."
		for _, named := range name.FindAllString(text, -1) {
			n++
			var found []string
			for _, dir := range []string{".", path.Dir(doc), last} {
				if all, _ := fs.Glob(root, path.Join(dir, named)); len(all) > 0 {
					found, last = all, path.Dir(all[0])
					break
				}
			}
			if len(found) == 0 {
				t.Errorf("%s names %s, which is not there", doc, named)
			}
		}
	}
	err := fs.WalkDir(root, ".", func(doc string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(doc) != ".go" && doc != ".github/CONTRIBUTING.md" {
			return err
		}
		text, err := fs.ReadFile(root, doc)
		if err != nil {
			return err
		}
		whole := string(text)
		if path.Ext(doc) == ".go" {
			before, _, _ := strings.Cut("\n"+whole, "\npackage ")
			if whole = before; !strings.Contains(whole, "\n// Package ") {
				return nil
			}
		}
		check(doc, whole)
		return nil
	})
	if err != nil || n < 300 {
		t.Errorf("%d files are named (%v)", n, err)
	}
}
