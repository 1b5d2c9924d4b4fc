//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// benchRun is all that "make bench" measured, as bin/bench.json has it.
type benchRun struct {
	Commit  string        `json:"commit"`
	Go      string        `json:"go"`
	Cores   int           `json:"cores"`
	CPU     string        `json:"cpu"`
	Servers string        `json:"servers"`
	Figures []load.Figure `json:"figures"`

	missing []string // what the tables looked for in vain
}

// figures puts together what the other measurements and the benchmarks of a run left in
// BENCH_DIR: bench.json beside that, bench.md with everything, and the table of the
// README, which it writes if UPDATE_DOC is set and else prints. It fails if something
// that the table has was not measured.
func figures(t testing.TB) {
	r := &benchRun{Go: runtime.Version(), Cores: runtime.NumCPU(), CPU: cpuModel(),
		Commit: said(t, "git", "describe", "--always", "--dirty"), Servers: said(t, "dpkg-query", "-W", "-f", "${Package} ${Version}; ", "prosody", "ejabberd")}
	files, err := filepath.Glob(filepath.Join(load.BenchDir(t), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var some []load.Figure
		if err := json.Unmarshal(data, &some); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		r.Figures = append(r.Figures, some...)
	}
	text, err := os.ReadFile(filepath.Join(load.BenchDir(t), "go.txt"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	r.Figures = append(r.Figures, goBenchmarks(string(text))...)
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	table := r.table()
	for name, text := range map[string]string{"json": string(data) + "\n", "md": table + "\n## All of it\n\n" + r.everything()} {
		if err := os.WriteFile(load.BenchDir(t)+"."+name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Println(table)
	for _, what := range r.missing {
		t.Errorf("not measured: %s", what)
	}
	if os.Getenv("UPDATE_DOC") != "" && !t.Failed() {
		harness.PutFigures(t, harness.Path(t, "deploy/guide/performance.md"), "make bench UPDATE_DOC=1", table)
	}
}

// said is what a program prints; empty if it cannot be run.
func said(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Logf("%s: %v", name, err)
	}
	return strings.Trim(string(out), " ;\n")
}

func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(text), "model name")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimLeft(line, "\t :")
}

// goBenchmarks reads what "go test -bench -count" prints. Each unit of a benchmark is
// a figure.
func goBenchmarks(text string) []load.Figure {
	type key struct{ name, unit string }
	var order []key
	rounds := make(map[key][]float64)
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(fields[0], "Benchmark")
		if i := strings.LastIndexByte(name, '-'); i > 0 { // the number of cores
			name = name[:i]
		}
		for i := 2; i+1 < len(fields); i += 2 {
			x, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				break
			}
			k := key{name, fields[i+1]}
			if rounds[k] == nil {
				order = append(order, k)
			}
			rounds[k] = append(rounds[k], x)
		}
	}
	var all []load.Figure
	for _, k := range order {
		all = append(all, load.NewFigure("in process", "", k.name, k.unit, rounds[k], nil))
	}
	return all
}

// everything lists all figures.
func (r *benchRun) everything() string {
	var b strings.Builder
	b.WriteString("| | server | | median | of the raw component | beside |\n|---|---|---|---|---|---|\n")
	for _, f := range r.Figures {
		ratio := ""
		if len(f.Ratios) > 0 {
			ratio = fmt.Sprintf("%.2f", f.Ratio)
		}
		var more []string
		for _, name := range load.SortedKeys(f.Others) {
			more = append(more, fmt.Sprintf("%s %.*f", name, load.Digits(f.Others[name]), f.Others[name]))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %.*f %s | %s | %s |\n", f.Group, f.Server, f.Name, load.Digits(f.Median), f.Median, f.Unit, ratio, strings.Join(more, "; "))
	}
	return b.String()
}
