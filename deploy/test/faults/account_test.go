//go:build integration

package faults

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab/load"
)

// A reason that the documents do not have is no reason.
func TestLossesAreDocumented(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "deploy", "guide", "*.md"))
	require.NoError(t, err)
	var text strings.Builder
	for _, name := range append(files, filepath.Join("..", "..", "..", "README.md")) {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		// Lines are broken where they are full, which is not always the same place.
		text.WriteString(strings.Join(strings.Fields(string(b)), " ") + "\n")
	}
	for _, reason := range []string{load.LostUnstored, load.LostOnTheWay, load.LostByServer} {
		if !strings.Contains(text.String(), reason) {
			t.Errorf("neither the README nor deploy/guide say %q", reason)
		}
	}
}
