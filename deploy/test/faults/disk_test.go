//go:build integration

package faults

import (
	"fmt"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// slowDisk is how the program is started so that its disk is a slow one: strace
// delays these system calls, which write to files only, and leaves the others alone.
func slowDisk(rules ...string) []string {
	under := []string{"strace", "-D", "-f", "--seccomp-bpf", "-qqq", "-e", "signal=none", "-o", "/dev/null", "-e", "trace=pwrite64,fsync,fdatasync,ftruncate"}
	for _, r := range rules {
		under = append(under, "-e", "inject="+r)
	}
	return under
}

// The disk is slow: all writes take their time, or now and then one hangs. What we
// do meanwhile does not wait for it, in either direction; and after a kill nothing
// of what it had taken is gone.
func TestFaultsSlowDisk(t *testing.T) {
	const hang = 2 * time.Second
	rounds, said := 1, 50
	if harness.FullFaults() {
		rounds, said = 3, 100
	}
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		b, dir := load.NewTally(t), t.TempDir()
		c := load.TrafficConfig(s, "slow", b.URL())
		file := c.Write(t, dir)
		start := func(rules ...string) *harness.Program {
			p := harness.CommandUnder(t, slowDisk(rules...), "serve", "--config", file).Started()
			p.AwaitLinks(1)
			return p
		}
		slow := []string{"fsync:delay_enter=200ms", "ftruncate:delay_enter=20ms"}
		hangs := []string{fmt.Sprintf("pwrite64:delay_enter=%s:when=100+2000", hang), "fsync:delay_enter=50ms"}
		tr := load.StartTraffic(t, s, start(slow...), b, load.Dense, "echo@slow.localhost")
		for range rounds {
			for i, what := range []string{"syncing takes long", "some writes hang"} {
				rules := [][]string{slow, hangs}[i]
				tr.During(what+", and we are killed while the bot is away", load.LostUnstored, "", func() {
					b.Close()
					awaitSaid(tr, 100+int(tr.Stalls/(10*time.Millisecond))) // most of it is stored
					tr.Kill()
					b.Open()
					tr.Runs(start(rules...))
				})
				tr.Stalls = hang
				tr.During(what, "", "", func() { awaitSaid(tr, said) })
				tr.During(what+", and the bot is away", "", "", func() {
					b.Close()
					awaitSaid(tr, said)
					b.Open()
				})
			}
		}
		tr.Close()
	})
}
