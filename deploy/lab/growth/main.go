//go:build linux

// Command growth measures how costs grow with the number of endpoints, pushed and pulled,
// of conversations and of waiting events, and with the size of stanzas: see "make growth".
package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// growthRounds is how often a point is measured, growthEvents how many events that
// takes at most.
const (
	growthRounds = 3
	growthEvents = 12_000
	growthWindow = 200
)

func main() {
	if !harness.Measure("growth", measureGrowth) {
		os.Exit(1)
	}
}

// measureGrowth measures how costs grow with the number of endpoints, of conversations
// and of waiting events, and with the size of stanzas: events/s, the program's CPU for
// an event, and its memory, from a lean peer to a bot and back, format event, queued, or
// from the peer to readers that pull. It leaves a CSV file for each in GROWTH_DIR, and the
// tables in the README.md there. AXES names those to measure; empty: all. It fails only
// if an answer is missing.
func measureGrowth(t *harness.Measurement) {
	harness.WithoutRace(t)
	dir := os.Getenv("GROWTH_DIR")
	if dir == "" {
		t.Fatal("GROWTH_DIR says where the figures go: deploy/guide/growth")
	}
	bin := filepath.Join(t.TempDir(), "echobot")
	if out, err := exec.Command("go", "build", "-o", bin, "stanzahook/deploy/lab/echobot").CombinedOutput(); err != nil {
		t.Fatalf("no build: %v\n%s", err, out)
	}
	g := growth{bot: "http://" + harness.Helper(t, bin, "-listen", "127.0.0.1:0").Said + "/"}
	var tables strings.Builder
	usual := growthPoint{endpoints: 1, conversations: 100, bytes: 400}
	for _, axis := range []struct {
		name   string
		values []int
		set    func(p *growthPoint, n int)
	}{
		{"endpoints", []int{1, 10, 100, 1000, 10_000}, func(p *growthPoint, n int) { p.endpoints = n }},
		{"pulled", []int{1, 10, 100, 1000, 10_000}, func(p *growthPoint, n int) { p.pulled = n }},
		{"conversations", []int{10, 100, 1000, 10_000, 100_000}, func(p *growthPoint, n int) { p.conversations = n }},
		{"bytes", []int{250, 1 << 10, 4 << 10, 16 << 10, 64 << 10}, func(p *growthPoint, n int) { p.bytes = n }},
		{"waiting", []int{0, 1000, 100_000, 1_000_000}, func(p *growthPoint, n int) { p.waiting = n }},
	} {
		file := filepath.Join(dir, axis.name+".csv")
		if only := os.Getenv("AXES"); only != "" && !slices.Contains(strings.Split(only, ","), axis.name) {
			if _, err := os.Stat(file); err == nil { // of an earlier run
				tables.WriteString(growthTable(t, file))
			}
			continue
		}
		t.Run(axis.name, func(t *harness.Measurement) {
			lines := []string{axis.name + ",events/s,µs of CPU an event,MiB"}
			for _, n := range axis.values {
				p := usual
				axis.set(&p, n)
				line := g.measure(t, p)
				t.Logf("%s %d: events/s, µs of CPU, MiB: %s", axis.name, n, line)
				lines = append(lines, fmt.Sprintf("%d,%s", n, line))
			}
			if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		})
		tables.WriteString(growthTable(t, file))
	}
	harness.PutFigures(t, filepath.Join(dir, "README.md"), "make growth", tables.String())
}

// growthTable is a CSV file as Markdown. It may be from an earlier run, of which this one
// repeats a part.
func growthTable(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		fmt.Fprintf(&b, "| %s |\n", strings.ReplaceAll(line, ",", " | "))
		if i == 0 {
			b.WriteString("|---|---|---|---|\n")
		}
	}
	return b.String() + "\n"
}

// growth is what all points have.
type growth struct{ bot string }

// growthPoint is what is measured.
type growthPoint struct{ endpoints, pulled, conversations, bytes, waiting int }

// measure runs the program for one point, and returns its medians for CSV.
func (g growth) measure(t testing.TB, p growthPoint) string {
	dir := t.TempDir()
	var endpoints strings.Builder
	for i := range p.endpoints {
		fmt.Fprintf(&endpoints, "  - {name: e%d, url: %q, match: {to: \"e%[1]d@load.localhost\"}}\n", i, g.bot)
	}
	for i := range p.pulled {
		fmt.Fprintf(&endpoints, "  - {name: p%d, match: {to: \"p%[1]d@load.localhost\"}}\n", i)
	}
	if p.waiting > 0 { // for a bot that is dead
		load.FillQueue(t, filepath.Join(dir, "store"), p.waiting)
		fmt.Fprintf(&endpoints, "  - {name: echo, url: \"http://%s\", match: {to: \"echo@load.localhost\"}}\n", harness.FreeAddress(t))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file := harness.WriteConfig(t, dir, fmt.Sprintf("components: [{domain: load.localhost, server: %q, secret: %q}]\nendpoints:\n%shttp: {listen: \"127.0.0.1:0\", insecure_no_auth: true}\nstore: {dir: %q}\n",
		l.Addr(), harness.Secret, &endpoints, filepath.Join(dir, "store")))
	accepted := make(chan *leanServer, 1)
	go func() { accepted <- acceptComponent(t, l) }()
	program := harness.LaunchFile(t, file)
	s := <-accepted
	pid := program.Cmd.Process.Pid
	n := min(growthEvents, 400<<20/p.bytes/8)
	window := max(2, min(growthWindow, 256<<10/p.bytes))
	sent := 0
	round := func(n int) {
		s.converse(n, window, func() (int, string) {
			sent++
			return sent, growthMessage(sent, sent%p.conversations, fmt.Sprint("e", sent%p.endpoints), p.bytes)
		})
	}
	if p.pulled > 0 {
		readers := newReaders(t, program, p.pulled)
		round = func(n int) {
			readers.converse(s, n, window, func(name string) string {
				sent++
				return growthMessage(sent, sent%p.conversations, name, p.bytes)
			})
		}
	}
	round(max(n/4, min(p.conversations, n))) // to warm up
	var rates, cpu, memory []float64
	for range growthRounds {
		before, began := harness.ProcessCPU(pid), time.Now()
		round(n)
		rates = append(rates, float64(n)/time.Since(began).Seconds())
		cpu = append(cpu, (harness.ProcessCPU(pid)-before)/float64(n))
		memory = append(memory, float64(program.Resident())/(1<<20))
	}
	program.Stop()
	return fmt.Sprintf("%.0f,%.1f,%.0f", harness.Median(rates), harness.Median(cpu), harness.Median(memory))
}
