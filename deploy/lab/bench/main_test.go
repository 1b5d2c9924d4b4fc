//go:build integration && bench

package bench

import (
	"testing"

	"stanzahook/deploy/lab/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
