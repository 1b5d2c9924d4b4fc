//go:build integration && soak

package soak

import (
	"testing"

	"stanzahook/deploy/lab/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
