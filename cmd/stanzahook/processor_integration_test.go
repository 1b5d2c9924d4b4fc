//go:build integration

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// cpuNow is the CPU time that the program has used so far.
func (p *program) cpuNow() time.Duration {
	return time.Duration(processCPU(p.cmd.Process.Pid)) * time.Microsecond
}

// processCPU is the user and system time of a process, in µs.
func processCPU(pid int) float64 {
	// proc(5): utime and stime are the 12th and 13th field after the name.
	if f := statFields(fmt.Sprintf("/proc/%d/stat", pid)); len(f) > 12 {
		return ticks(f[11:13])
	}
	return 0
}

// statFields are the fields of a stat file behind the name, which may hold
// anything; none if the process has ended.
func statFields(file string) []string {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
}

// ticks adds up times of 10 ms, in µs.
func ticks(fields []string) float64 {
	sum := 0.0
	for _, f := range fields {
		n, _ := strconv.ParseFloat(f, 64) // the kernel writes numbers
		sum += n * 10_000
	}
	return sum
}
