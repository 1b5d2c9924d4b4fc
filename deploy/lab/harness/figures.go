//go:build linux

package harness

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// PutFigures puts a table between its marks, which say how it is made.
func PutFigures(t testing.TB, file, how, table string) {
	t.Helper()
	begin, end := "<!-- figures: "+how+" -->\n", "<!-- end of figures -->"
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no %s", file, begin)
	}
	require.NoError(t, os.WriteFile(file, []byte(before+begin+table+end+after), 0o644))
}
