//go:build integration

package faults

import (
	"testing"

	"stanzahook/deploy/lab/harness"
)

func TestMain(m *testing.M) { harness.MainWithRace(m) }
