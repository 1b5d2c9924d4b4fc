//go:build integration && bench

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"stanzahook/deploy/lab"
)

// Full load, and what is measured of it.
const (
	pathClients = 4
	pathWindow  = 50    // messages of a client without an answer
	pathCount   = 12000 // messages of a round
	pathRounds  = 5
	pathSingles = 1500 // messages of a round, one at a time
)

// TestPathSpeed measures the whole way on real servers: user, server,
// stanzahook (format event, queued, confirmed), bot, and back. It takes turns
// with a component that only sends back what it gets, the best that the server
// can do; server, bot and load share the cores with both. With OTHER, the path
// of another build of stanzahook, it takes turns with that one too. It judges
// nothing.
func TestPathSpeed(t *testing.T) {
	withoutRace(t)
	for _, kind := range []lab.Kind{lab.Prosody, lab.Ejabberd} {
		t.Run(string(kind), func(t *testing.T) { pathSpeed(t, kind) })
	}
}

// walker is what answers the messages.
type walker struct {
	name, domain string
	pid          int
	rate, cost   []float64 // of each round: messages/s, its CPU in µs a message
	calls        []float64 // its system calls that read or write, of a message
	others       []string  // what the rest used, in µs a message
	singles      []time.Duration
}

func pathSpeed(t *testing.T, kind lab.Kind) {
	o := labOptions(kind, "raw", "load", "other")
	o.Nagle = true // as it is in a Prosody that nobody has tuned
	s, err := lab.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", bin, "stanzahook/deploy/lab/rawecho", "stanzahook/examples/echo-go").CombinedOutput(); err != nil {
		t.Fatalf("no build: %v\n%s", err, out)
	}
	bot := helper(t, filepath.Join(bin, "echo-go"), "-listen", "127.0.0.1:0")
	raw := helper(t, filepath.Join(bin, "rawecho"), "-addr", s.ComponentAddr(), "-domain", "raw.localhost", "-secret", testSecret)
	walkers := []*walker{
		{name: "raw echo", domain: "raw.localhost", pid: raw.pid},
		{name: "stanzahook", domain: "load.localhost", pid: pathProgram(t, s, "load.localhost", "http://"+bot.said+"/")},
	}
	if other := os.Getenv("OTHER"); other != "" {
		was := binary
		binary = other
		walkers = append(walkers, &walker{name: "the other", domain: "other.localhost", pid: pathProgram(t, s, "other.localhost", "http://"+bot.said+"/")})
		binary = was
	}
	var clients []*pathClient
	for i := range pathClients {
		clients = append(clients, pathLogin(t, s, testUsers[i]))
	}
	for _, w := range walkers { // to warm up
		pathRound(t, clients, w.domain, pathWindow, pathCount/2)
	}
	for range pathRounds {
		for _, w := range walkers {
			pids := map[string]int{"server": -s.Group(), "bot": bot.pid, "load": os.Getpid()}
			before := make(map[string]time.Duration)
			for name, pid := range pids {
				before[name] = cpuTime(pid)
			}
			own, calls := cpuTime(w.pid), systemCalls(w.pid)
			took, _ := pathRound(t, clients, w.domain, pathWindow, pathCount)
			each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 / pathCount }
			w.cost = append(w.cost, each(cpuTime(w.pid)-own))
			w.calls = append(w.calls, float64(systemCalls(w.pid)-calls)/pathCount)
			w.rate = append(w.rate, pathCount/took.Seconds())
			w.others = append(w.others, fmt.Sprintf("server %.0f, bot %.0f, load %.0f", each(cpuTime(pids["server"])-before["server"]), each(cpuTime(pids["bot"])-before["bot"]), each(cpuTime(pids["load"])-before["load"])))
		}
	}
	for range 3 {
		for _, w := range walkers {
			_, waited := pathRound(t, clients[:1], w.domain, 1, pathSingles)
			w.singles = append(w.singles, waited)
		}
	}
	for _, w := range walkers {
		var ratios []float64
		for i, r := range w.rate {
			ratios = append(ratios, r/walkers[0].rate[i])
		}
		t.Logf("%s, %s: %.0f messages/s (%.0f to %.0f), %.2f of the raw echo; CPU a message: its own %.1f µs (%s), reads and writes %.1f; one at a time p50 %.2f ms", kind, w.name,
			median(w.rate), slices.Min(w.rate), slices.Max(w.rate), median(ratios), median(w.cost), w.others[len(w.others)/2], median(w.calls), float64(median(w.singles).Microseconds())/1e3)
	}
}

// pathProgram starts stanzahook as it is without any configuration but the
// necessary, and returns its process.
func pathProgram(t *testing.T, s *lab.Server, domain, url string) int {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "stanzahook.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, `
components: [{domain: %s, server: %q, secret: %q}]
endpoints: [{name: echo, url: %q}]
http: {listen: "127.0.0.1:0"}
store: {dir: %q}
`, domain, s.ComponentAddr(), testSecret, url, filepath.Join(dir, "store")), 0o600); err != nil {
		t.Fatal(err)
	}
	p := launchFile(t, file)
	p.awaitLinks(1)
	return p.cmd.Process.Pid
}

type helperProcess struct {
	pid  int
	said string // its first line
}

// helper runs a program until the test ends, and returns when it has said
// something.
func helper(t *testing.T, name string, args ...string) helperProcess {
	t.Helper()
	cmd := exec.Command(name, args...)
	out := &logbook{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	eventually(t, name+" is ready", func() bool { return strings.Contains(out.String(), "\n") })
	line, _, _ := strings.Cut(out.String(), "\n")
	return helperProcess{cmd.Process.Pid, line}
}

// cpuTime is what a process, or the process group -pid, has used.
func cpuTime(pid int) time.Duration {
	if pid == os.Getpid() {
		var r syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	files := []string{fmt.Sprintf("/proc/%d/stat", pid)}
	if pid < 0 {
		files, _ = filepath.Glob("/proc/[0-9]*/stat")
	}
	ticks := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// proc(5): pgrp is the 5th field, utime and stime the 14th and 15th.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if pid < 0 && fields[2] != strconv.Itoa(-pid) {
			continue
		}
		for _, f := range fields[11:13] {
			n, _ := strconv.Atoi(f)
			ticks += n
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// systemCalls counts the reads and writes of a process.
func systemCalls(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return 0
	}
	sum := 0
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, "syscr: ") || strings.HasPrefix(line, "syscw: ") {
			n, _ := strconv.Atoi(line[len("syscr: "):])
			sum += n
		}
	}
	return sum
}

func median[T float64 | time.Duration](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
