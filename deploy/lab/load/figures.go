//go:build linux

package load

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"stanzahook/deploy/lab/harness"
)

// Figure is what was measured of one thing, over the rounds of a run. A program that
// the server and the load share the cores with is measured beside a raw component of the
// same round, which is what the server can do there: the raw echo, or one that sends the
// same roster IQs.
type Figure struct {
	Group  string    `json:"group"`  // what is done, such as "user to bot and back"
	Server string    `json:"server"` // prosody or ejabberd; empty: none
	Name   string    `json:"name"`   // who does it, and how
	Unit   string    `json:"unit"`
	Rounds []float64 `json:"rounds"`
	Median float64   `json:"median"`
	// Raw are those of the raw component in the same rounds (the raw echo's load is 4
	// clients with 50 unanswered messages each); Ratios are Rounds by Raw.
	Raw    []float64          `json:"raw,omitempty"`
	Ratios []float64          `json:"ratios,omitempty"`
	Ratio  float64            `json:"ratio,omitempty"`  // their median
	Others map[string]float64 `json:"others,omitempty"` // medians of what else was measured, by name and unit
}

func NewFigure(group, server, name, unit string, rounds, raw []float64) Figure {
	f := Figure{Group: group, Server: server, Name: name, Unit: unit, Rounds: rounds, Median: harness.Median(rounds), Raw: raw}
	for i := range raw {
		f.Ratios = append(f.Ratios, rounds[i]/raw[i])
	}
	if len(raw) > 0 {
		f.Ratio = harness.Median(f.Ratios)
	}
	return f
}

func (f Figure) String() string {
	s := fmt.Sprintf("%s, %s: %s: %.*f %s", f.Server, f.Group, f.Name, Digits(f.Median), f.Median, f.Unit)
	if len(f.Ratios) > 0 {
		s += fmt.Sprintf(", %.2f of the raw component (%.2f to %.2f)", f.Ratio, slices.Min(f.Ratios), slices.Max(f.Ratios))
	}
	for _, name := range SortedKeys(f.Others) {
		s += fmt.Sprintf("; %s %.*f", name, Digits(f.Others[name]), f.Others[name])
	}
	return s
}

// Digits are those behind the point that a figure of this size is worth.
func Digits(x float64) int {
	switch {
	case x < 10:
		return 2
	case x < 100:
		return 1
	}
	return 0
}

func SortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// KeepFigures prints figures, and keeps them.
func KeepFigures(t testing.TB, name string, figures []Figure) {
	t.Helper()
	for _, f := range figures {
		t.Log(f)
	}
	data, err := json.MarshalIndent(figures, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(BenchDir(t), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(BenchDir(t), name+".json"), data, 0o644); err != nil {
		t.Fatal(err)
	}
}
