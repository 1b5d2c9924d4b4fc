//go:build integration

package guides

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// The lines of the guide about files are run, in their order.
func TestFilesLines(t *testing.T) {
	var cat bytes.Buffer
	require.NoError(t, png.Encode(&cat, image.NewGray(image.Rect(0, 0, 20, 10))))
	file := filepath.Join(t.TempDir(), "cat.png")
	require.NoError(t, os.WriteFile(file, cat.Bytes(), 0o600))
	lines := harness.CodeBlocks(harness.Page(t, "examples/guide/files.md"), "sh")
	wants := []string{`"width":20,"height":10`, `"files":[{"id":`, `"files":[{"id":`}
	if len(lines) != len(wants)+1 {
		t.Fatalf("%d blocks of lines", len(lines))
	}
	// TestFilesPhotoBot runs the bot.
	shown := harness.CodeBlocks(harness.Page(t, "examples/guide/files.md"), "yaml")[0]
	checkShown(t, t.TempDir(), shown)
	if program, listens := lines[len(wants)], `"listen", "127.0.0.1:8080"`; !strings.HasSuffix(strings.TrimSpace(program), "go run ./examples/photo-go") ||
		!strings.Contains(shown, "http://127.0.0.1:8080/") || !strings.Contains(harness.Page(t, "examples/photo-go/main.go"), listens) {
		t.Errorf("%s %s", program, shown)
	}
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.WithUploads(t, guideOptions(kind), "bot.example.com"))
		u := harness.Login(t, s, "juliet")
		d := serveGuide(t, s, "")
		for i, want := range wants {
			line := strings.ReplaceAll(strings.ReplaceAll(lines[i], " \\\n", " "), "@cat.png", "@"+file)
			d.shows(line, want)
		}
		for range 2 {
			u.Await("the text", func(r lab.Received) bool { return r.Body == "Look!" })
			u.Await("the picture", func(r lab.Received) bool {
				return strings.Contains(r.Inner, "disposition='inline'") || strings.Contains(r.Inner, `disposition="inline"`)
			})
		}
	})
}
