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

// The configuration of the guide about profiles is accepted, and its lines are run, in their
// order.
func TestProfilesLines(t *testing.T) {
	var picture bytes.Buffer
	require.NoError(t, png.Encode(&picture, image.NewGray(image.Rect(0, 0, 20, 20))))
	dir := t.TempDir()
	file := filepath.Join(dir, "echo.png")
	require.NoError(t, os.WriteFile(file, picture.Bytes(), 0o600))
	page := harness.Page(t, "examples/guide/profiles.md")
	shown := harness.CodeBlocks(page, "yaml")[0]
	checkShown(t, dir, shown)
	lines := harness.CodeBlocks(page, "sh")
	wants := []string{`"source":"api","avatar":{"id":"`, `"presence":{"show":"dnd","status":"Deploying","until":"2030-01-01T12:00:00Z"}`}
	if len(lines) != len(wants) {
		t.Fatalf("%d blocks of lines", len(lines))
	}
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, guideOptions(kind))
		u := harness.Login(t, s, "juliet")
		d := serveGuide(t, s, "")
		for i, want := range wants {
			line := strings.ReplaceAll(strings.ReplaceAll(lines[i], " \\\n", " "), "@echo.png", "@"+file)
			d.shows(line, want)
		}
		u.Send("<iq type='get' id='card' to='echo@bot.example.com'><vCard xmlns='vcard-temp'/></iq>")
		u.Await("the vCard", func(r lab.Received) bool {
			return r.ID == "card" && strings.Contains(r.Inner, "<FN>Echo</FN>") && strings.Contains(r.Inner, "BINVAL")
		})
	})
}
