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
	config := harness.WriteConfig(t, dir, "components: [{domain: bot.example.com, secret: hunter2}]\n"+shown)
	if code, _, errs := harness.RunProgram(t, nil, "check", "--config", config); code != 0 {
		t.Errorf("%d %s", code, errs)
	}
	lines := harness.CodeBlocks(page, "sh")
	wants := []string{`"source":"api","avatar":{"id":"`, `"presence":{"show":"dnd","status":"Deploying","until":"2030-01-01T12:00:00Z"}`}
	if len(lines) != len(wants) {
		t.Fatalf("%d blocks of lines", len(lines))
	}
	for _, kind := range []lab.Kind{lab.Prosody, lab.Ejabberd} {
		t.Run(string(kind), func(t *testing.T) {
			s := harness.StartServer(t, lab.Options{Kind: kind, Host: "example.com", Users: map[string]string{"juliet": harness.Password},
				Components: []lab.Component{{Domain: "bot.example.com", Secret: harness.Secret}}})
			u := harness.Login(t, s, "juliet")
			d := serveGuide(t, s, "")
			for i, want := range wants {
				line := strings.ReplaceAll(strings.ReplaceAll(lines[i], " \\\n", " "), "@echo.png", "@"+file)
				if out := d.run(line); !strings.Contains(out, want) {
					t.Errorf("%s: %s", lines[i], out)
				}
			}
			u.Send("<iq type='get' id='card' to='echo@bot.example.com'><vCard xmlns='vcard-temp'/></iq>")
			u.Await("the vCard", func(r lab.Received) bool {
				return r.ID == "card" && strings.Contains(r.Inner, "<FN>Echo</FN>") && strings.Contains(r.Inner, "BINVAL")
			})
		})
	}
}
