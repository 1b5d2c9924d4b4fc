package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestManual(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "86400")
	dir := t.TempDir()
	var out bytes.Buffer
	if code := Run(t.Context(), []string{"man", dir}, &out, &out, Bridge{}); code != 0 || out.Len() > 0 {
		t.Fatalf("exit code %d, output %q", code, out.String())
	}
	for name, wants := range map[string][]string{
		"stanzahook.1":           {`.TH "STANZAHOOK" "1" "Jan 1970" "stanzahook"`, "stanzahook - A bridge", `\fBstanzahook-serve(1)\fP`, ".SH EXIT STATUS"},
		"stanzahook-serve.1":     {`\fB--config\fP=`, `\fBstanzahook(1)\fP`, ".BR stanzahook.yaml (5)"},
		"stanzahook-token-new.1": {`.TH "STANZAHOOK-TOKEN-NEW" "1"`, "SCOPE,…"},
	} {
		page, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, want := range wants {
			if !strings.Contains(string(page), want) {
				t.Errorf("no %q in %s:\n%s", want, name, page)
			}
		}
	}
	for _, name := range []string{"stanzahook-man.1", "stanzahook-completion.1"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("there is a page %s", name)
		}
	}
	if code := Run(t.Context(), []string{"man", filepath.Join(dir, "none")}, &out, &out, Bridge{}); code != 1 {
		t.Errorf("without the directory: exit code %d", code)
	}
}
