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

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// The lines of the guide about files are run, in their order.
func TestFilesLines(t *testing.T) {
	var cat bytes.Buffer
	if err := png.Encode(&cat, image.NewGray(image.Rect(0, 0, 20, 10))); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "cat.png")
	if err := os.WriteFile(file, cat.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := harness.CodeBlocks(harness.Page(t, "examples/guide/files.md"), "sh")
	wants := []string{`"width":20,"height":10`, `"files":[{"id":`, `"files":[{"id":`}
	if len(lines) != len(wants) {
		t.Fatalf("%d blocks of lines", len(lines))
	}
	for _, kind := range []lab.Kind{lab.Prosody, lab.Ejabberd} {
		t.Run(string(kind), func(t *testing.T) {
			o := lab.Options{Kind: kind, Host: "example.com", Users: map[string]string{"juliet": harness.Password},
				Components: []lab.Component{{Domain: "bot.example.com", Secret: harness.Secret}}}
			s := harness.StartServer(t, harness.WithUploads(t, o, "bot.example.com"))
			u := harness.Login(t, s, "juliet")
			d := serveGuide(t, s, "")
			for i, want := range wants {
				line := strings.ReplaceAll(strings.ReplaceAll(lines[i], " \\\n", " "), "@cat.png", "@"+file)
				if out := d.run(line); !strings.Contains(out, want) {
					t.Errorf("%s: %s", lines[i], out)
				}
			}
			for range 2 {
				u.Await("the text", func(r lab.Received) bool { return r.Body == "Look!" })
				u.Await("the picture", func(r lab.Received) bool {
					return strings.Contains(r.Inner, "disposition='inline'") || strings.Contains(r.Inner, `disposition="inline"`)
				})
			}
		})
	}
}
