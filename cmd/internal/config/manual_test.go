package config

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the manual page and what testdata has of loaded files")

// The manual page stanzahook.yaml(5) is made of the configuration reference:
// go test ./cmd/internal/config -run Manual -update
func TestManualPage(t *testing.T) {
	const file = "../../../deploy/debian/stanzahook.yaml.5"
	guide, err := os.ReadFile("../../../deploy/guide/configuration.md")
	require.NoError(t, err)
	_, text, _ := strings.Cut(string(guide), "\n")
	text = regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`).ReplaceAllString(text, "$1") // a page has no links
	want := ".\\\" Made of deploy/guide/configuration.md.\n" + string(md2man.Render([]byte(`% "STANZAHOOK.YAML" "5" "" "stanzahook"
# NAME
stanzahook.yaml \- configuration of stanzahook

# DESCRIPTION
`+text+`
# FILES
/etc/stanzahook/stanzahook.yaml is the configuration of the service, /var/lib/stanzahook its store.

# SEE ALSO
**stanzahook(1)**
`)))
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(want), 0o644))
		return
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Errorf("%s is not made of the guide (%v): go test ./cmd/internal/config -run Manual -update", file, err)
	}
}
