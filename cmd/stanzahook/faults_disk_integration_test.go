//go:build integration

package main

import (
	"fmt"
	"testing"
	"time"

	"stanzahook/deploy/lab"
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
	if fullFaults() {
		rounds, said = 3, 100
	}
	forBoth(t, func(t *testing.T, s *lab.Server) {
		b, dir := newTally(t), t.TempDir()
		c := trafficConfig(s, "slow", b.url())
		file := c.write(t, dir)
		start := func(rules ...string) *program {
			p := commandUnder(t, slowDisk(rules...), "serve", "--config", file).started()
			p.awaitLinks(1)
			return p
		}
		slow := []string{"fsync:delay_enter=200ms", "ftruncate:delay_enter=20ms"}
		hangs := []string{fmt.Sprintf("pwrite64:delay_enter=%s:when=100+2000", hang), "fsync:delay_enter=50ms"}
		tr := startTraffic(t, s, start(slow...), b, "echo@slow.localhost")
		for range rounds {
			for i, what := range []string{"syncing takes long", "some writes hang"} {
				rules := [][]string{slow, hangs}[i]
				tr.during(what+", and we are killed while the bot is away", lostUnstored, "", func() {
					b.close()
					awaitSaid(tr, 100+int(tr.stalls/(10*time.Millisecond))) // most of it is stored
					tr.kill()
					b.open()
					tr.runs(start(rules...))
				})
				tr.stalls = hang
				tr.during(what, "", "", func() { awaitSaid(tr, said) })
				tr.during(what+", and the bot is away", "", "", func() {
					b.close()
					awaitSaid(tr, said)
					b.open()
				})
			}
		}
		users, callers := tr.finish()
		users.close(t)
		callers.close(t)
	})
}
