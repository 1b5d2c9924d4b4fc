package config

import (
	"strings"
	"testing"

	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
)

// What the guide shows is accepted: here by us, in the integration test by the
// servers.
func TestRostersGuideIsAccepted(t *testing.T) {
	g := harness.ReadRostersGuide(t)
	for server, text := range g.Configs {
		text = strings.Replace(text, "sha256:…", "sha256:"+strings.Repeat("0a", 32), 1)
		c, err := Parse("rosters.md", []byte(text), nil)
		if err != nil {
			t.Errorf("the configuration for %s: %v", server, err)
			continue
		}
		if (c.Rosters[0].EjabberdAPI.URL != "") != (server == "ejabberd") {
			t.Errorf("for %s the API is %q", server, c.Rosters[0].EjabberdAPI.URL)
		}
	}
	want, err := roster.Decode([]byte(g.Contacts), jid.MustParse("john@example.com"))
	if err != nil || len(want) != 2 {
		t.Errorf("the contacts are read as %v, error %v", want, err)
	}
}
