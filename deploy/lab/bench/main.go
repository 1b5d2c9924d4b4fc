//go:build linux

// Command bench measures how fast stanzahook is on real servers, beside others that do
// the same: see "make bench". Its arguments are what to measure (path, post, roster,
// start; all of them by default), or "figures" for the tables of what was measured.
package main

import (
	"os"
	"slices"
	"strconv"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

func main() {
	if slices.Equal(os.Args[1:], []string{"figures"}) {
		exit(harness.Measure("figures", func(m *harness.Measurement) { figures(m) }))
	}
	exit(harness.Measure("bench", func(m *harness.Measurement) {
		harness.WithoutRace(m)
		onServers(m, "post", postSpeed)
		onServers(m, "path", pathSpeed)
		onServers(m, "roster", rosterSpeed)
		for _, n := range []int{0, 100_000, 1_000_000} {
			if wanted("start") {
				m.Run("start/"+strconv.Itoa(n), func(m *harness.Measurement) { startSpeed(m, n) })
			}
		}
	}))
}

// onServers measures on one server after the other.
func onServers(m *harness.Measurement, name string, measure func(t testing.TB, kind lab.Kind)) {
	for _, kind := range []lab.Kind{lab.Prosody, lab.Ejabberd} {
		if wanted(name) {
			m.Run(name+"/"+string(kind), func(m *harness.Measurement) { measure(m, kind) })
		}
	}
}

func wanted(name string) bool { return len(os.Args) == 1 || slices.Contains(os.Args[1:], name) }

func exit(ok bool) {
	if !ok {
		os.Exit(1)
	}
	os.Exit(0)
}
