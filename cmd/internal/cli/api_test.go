package cli

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTokenFile(t *testing.T) {
	asked := standIn(t, `200 {"items":[]}`)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := inProgram(t, "deliveries", "list", "--token-file", file); code != 0 || (*asked)[0] != "GET /v1/deliveries?limit=50 Bearer from-file" {
		t.Errorf("%q, %s", *asked, errs)
	}
}
