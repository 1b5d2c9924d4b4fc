//go:build integration

package link

import (
	"testing"

	"stanzahook/deploy/lab/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
