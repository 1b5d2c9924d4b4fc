package build

import (
	"os"
	"strings"
	"testing"
)

// The changelog begins with the version that is built.
func TestVersion(t *testing.T) {
	changelog, err := os.ReadFile("../../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	_, newest, _ := strings.Cut(string(changelog), "\n## ")
	if newest, _, _ = strings.Cut(newest, "\n"); newest != Version && !strings.HasPrefix(newest, Version+" ") {
		t.Errorf("the changelog begins with %q, the version is %q", newest, Version)
	}
}
