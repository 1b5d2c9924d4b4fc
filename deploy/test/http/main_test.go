//go:build integration

package http

import (
	"testing"

	"stanzahook/deploy/lab/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
