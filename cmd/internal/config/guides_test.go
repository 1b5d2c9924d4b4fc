package config

import (
	"path/filepath"
	"strings"
	"testing"

	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
)

// Every configuration that the guides show is accepted.
func TestGuidesAreAccepted(t *testing.T) {
	accepted := func(name, text string) *Config {
		t.Helper()
		text = strings.Replace(text, "sha256:…", "sha256:"+strings.Repeat("0a", 32), 1)
		text = strings.ReplaceAll(text, "/etc/prosody/certs/example.com.crt", "testdata/ca.pem") // it is read
		c, err := Parse(name, []byte(text), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return c
	}
	example, _, _ := strings.Cut(strings.SplitN(harness.Page(t, "deploy/guide/configuration.md"), "```yaml\n", 2)[1], "```")
	accepted("configuration.md", example)

	pages, err := filepath.Glob("../../../deploy/guide/migrate/*.md")
	if err != nil || len(pages) != 4 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, page := range pages {
		blocks := harness.CodeBlocks(harness.Page(t, "deploy/guide/migrate/"+filepath.Base(page)), "yaml")
		if len(blocks) != 1 {
			t.Fatalf("%s has %d configurations", page, len(blocks))
		}
		accepted(filepath.Base(page), blocks[0])
	}

	g := harness.ReadRostersGuide(t)
	for server, text := range g.Configs {
		if c := accepted("rosters.md", text); (c.Rosters[0].EjabberdAPI.URL != "") != (server == "ejabberd") {
			t.Errorf("for %s the API is %q", server, c.Rosters[0].EjabberdAPI.URL)
		}
	}
	want, err := roster.Decode([]byte(g.Contacts), jid.MustParse("john@example.com"))
	if err != nil || len(want) != 2 {
		t.Errorf("the contacts are read as %v, error %v", want, err)
	}
}
