//go:build linux

package harness

import (
	"os"
	"strings"
	"testing"
)

// PutFigures puts a table between its marks, which say how it is made.
func PutFigures(t testing.TB, file, how, table string) {
	t.Helper()
	begin, end := "<!-- figures: "+how+" -->\n", "<!-- end of figures -->"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no %s", file, begin)
	}
	if err := os.WriteFile(file, []byte(before+begin+table+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
