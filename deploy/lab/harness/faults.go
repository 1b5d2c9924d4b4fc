//go:build linux

package harness

import (
	"os"
)

// FullFaults reports whether the tests are to run in their full size.
func FullFaults() bool { return os.Getenv("STANZAHOOK_FAULTS") == "full" }
