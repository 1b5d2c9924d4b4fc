//go:build integration

package guides

import (
	"testing"

	"stanzahook/deploy/lab/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
