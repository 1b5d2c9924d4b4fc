package guides

import (
	"strings"
	"testing"

	"stanzahook/deploy/lab/harness"
)

// maxREADME is how many words the README may have: it is a front page.
const maxREADME = 1300

// Programs that the README and the guide show are those in the tree.
func TestReadme(t *testing.T) {
	for page, programs := range map[string][]string{
		"README.md":                   {"examples/echo-python/bot.py"},
		"examples/guide/first-bot.md": {"examples/echo-python/bot.py", "examples/echo-shell/bot.sh"},
	} {
		text := harness.Page(t, page)
		for _, program := range programs {
			if !strings.Contains(text, "\n"+strings.TrimSpace(harness.Page(t, program))+"\n```") {
				t.Errorf("%s in %s is not the file", program, page)
			}
		}
	}
	if n := len(strings.Fields(harness.Page(t, "README.md"))); n > maxREADME {
		t.Errorf("the README has %d words, more than %d", n, maxREADME)
	}
}
