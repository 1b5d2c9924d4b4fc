package config

import (
	"path/filepath"
	"strings"
	"testing"

	"stanzahook/deploy/lab/harness"
)

// What the pages show as a configuration is accepted.
func TestComingFromIsAccepted(t *testing.T) {
	pages, err := filepath.Glob("../../../deploy/guide/migrate/*.md")
	if err != nil || len(pages) != 4 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, page := range pages {
		module := strings.TrimSuffix(filepath.Base(page), ".md")
		blocks := harness.CodeBlocks(harness.Page(t, "deploy/guide/migrate/"+module+".md"), "yaml")
		if len(blocks) != 1 {
			t.Fatalf("%s has %d configurations", module, len(blocks))
		}
		text := strings.Replace(blocks[0], "sha256:…", "sha256:"+strings.Repeat("0a", 32), 1)
		text = strings.ReplaceAll(text, "/etc/prosody/certs/example.com.crt", "testdata/ca.pem") // it is read
		if _, err := Parse(module+".md", []byte(text), nil); err != nil {
			t.Error(err)
		}
	}
}
