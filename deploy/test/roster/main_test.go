//go:build integration

package roster

import (
	"testing"

	"stanzahook/deploy/lab/harness"
)

func TestMain(m *testing.M) { harness.MainWithRace(m) }
