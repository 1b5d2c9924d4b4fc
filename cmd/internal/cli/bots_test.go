package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The picture of "bots put" goes along in base64, and "--for" is a time to come.
func TestBots(t *testing.T) {
	var picture bytes.Buffer
	require.NoError(t, png.Encode(&picture, image.NewGray(image.Rect(0, 0, 2, 2))))
	file := filepath.Join(t.TempDir(), "echo.png")
	require.NoError(t, os.WriteFile(file, picture.Bytes(), 0o600))
	asked := standIn(t, "200 "+textBot)
	for _, args := range [][]string{{"put", "echo@bot.example.com", "--avatar", file}, {"presence", "echo@bot.example.com", "--for", "1h"}} {
		if code, _, errs := inProgram(t, append([]string{"bots"}, args...)...); code != 0 {
			t.Fatalf("%q: %d %s", args, code, errs)
		}
	}
	if want := `"avatar":"` + base64.StdEncoding.EncodeToString(picture.Bytes()) + `"`; !strings.Contains((*asked)[0], want) {
		t.Errorf("%s has no %s", (*asked)[0], want)
	}
	var p struct{ Until time.Time }
	if _, body, _ := strings.Cut((*asked)[1], "{"); json.Unmarshal([]byte("{"+body), &p) != nil || !p.Until.After(time.Now().Add(30*time.Minute)) {
		t.Error((*asked)[1])
	}
	if code, _, errs := inProgram(t, "bots", "presence", "echo@bot.example.com", "--for", "-1s"); code != 2 || !strings.Contains(errs, "--for") {
		t.Errorf("%d %s", code, errs)
	}
}
