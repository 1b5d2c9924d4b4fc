//go:build integration

package attack

import (
	"os"
	"testing"

	"stanzahook/deploy/lab/harness"
)

func TestMain(m *testing.M) {
	if task := os.Getenv(attackerTask); task != "" { // a process of TestAttack
		os.Exit(attackerMain(task))
	}
	if os.Getenv(neighbourTask) != "" {
		os.Exit(neighbourMain())
	}
	harness.Main(m)
}
