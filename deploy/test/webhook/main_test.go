//go:build integration

package webhook

import (
	"testing"

	"stanzahook/deploy/lab/harness"
)

func TestMain(m *testing.M) { harness.MainWithRace(m) }
