package guides

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"stanzahook/deploy/lab/harness"
)

// What the operator's guide says that one sees is there: lines of the log in the
// source, and metrics in their list. Its commands are run by deploy/trial.
func TestOperatorsGuideNamesWhatIsThere(t *testing.T) {
	guide, metrics := harness.Page(t, "deploy/guide/troubleshooting.md"), harness.Page(t, "deploy/guide/monitoring.md")
	var source strings.Builder
	for _, dir := range []string{"cmd", "component", "pkg", "httpapi"} {
		err := filepath.WalkDir(harness.Path(t, dir), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			source.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	_, log, _ := strings.Cut(string(metrics), "\n## Log\n")
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*`) \\|").FindAllStringSubmatch(log, -1) {
		for _, line := range strings.Split(strings.Trim(row[1], "`"), "`, `") {
			if !strings.Contains(source.String(), `"`+line) {
				t.Errorf("nothing logs %q", line)
			}
		}
	}
	lines := 0
	for cell := range strings.SplitSeq(guide, "|") {
		said, ok := strings.CutPrefix(cell, " log `")
		if !ok {
			continue
		}
		for n, line := range strings.Split("`"+said, "`") {
			if n%2 == 0 || strings.HasPrefix(line, "/") || strings.HasPrefix(line, "stanzahook_") || len(line) < 5 {
				continue // not a line of the log
			}
			lines++
			if begin := `"` + strings.TrimRight(line, "… :;"); !strings.Contains(source.String(), begin) { // the rest is filled in
				t.Errorf("nothing logs %q", line)
			}
		}
	}
	names := regexp.MustCompile(`\bstanzahook_[a-z_]+`).FindAllString(guide, -1)
	for _, name := range names {
		if !strings.Contains(metrics, "`"+name+"`") {
			t.Errorf("there is no metric %s", name)
		}
	}
	if lines < 10 || len(names) < 6 {
		t.Errorf("only %d lines of the log and %d metrics were found", lines, len(names))
	}
}
