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
	if code := Run(t.Context(), []string{"man", dir}, &out, &out, nil); code != 0 || out.Len() > 0 {
		t.Fatalf("exit code %d, output %q", code, out.String())
	}
	for name, wants := range map[string][]string{
		"stanzahook.1":           {".TH STANZAHOOK 1 1970\\-01\\-02", "stanzahook \\- a bridge", ".BR stanzahook\\-serve (1)"},
		"stanzahook-serve.1":     {"\\fB\\-\\-config\\fR \\fIstring\\fR", ".BR stanzahook (1)"},
		"stanzahook-token-new.1": {".TH STANZAHOOK\\-TOKEN\\-NEW", "SCOPE,..."},
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
	if code := Run(t.Context(), []string{"man", filepath.Join(dir, "none")}, &out, &out, nil); code != 1 {
		t.Errorf("without the directory: exit code %d", code)
	}
}

func TestRoff(t *testing.T) {
	if got, want := roff("a-b's \\\n./c\n'd\n"), "a\\-b\\(aqs \\e\n\\&./c\n\\(aqd"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
