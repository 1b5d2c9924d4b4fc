//go:build integration && bench

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// usage is what a round uses: CPU in µs, of all cores together.
type usage struct {
	own, server, bot, load float64
	foreign                float64 // other programs, and the kernel's own work
	idle                   float64
	calls                  float64 // reads and writes of what answers the messages
}

// used is what was used until now, by the process that answers, the process
// group of the server, and the bot.
func used(pid, group, bot int) usage {
	u := usage{own: processCPU(pid), bot: processCPU(bot), load: processCPU(os.Getpid()), calls: systemCalls(pid)}
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is a good one
	for _, file := range files {
		// proc(5): the process group is the third field after the name.
		if f := statFields(file); len(f) > 12 && f[2] == strconv.Itoa(group) {
			u.server += ticks(f[11:13])
		}
	}
	text, err := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(text), "\n")
	if f := strings.Fields(line); err == nil && len(f) > 8 {
		u.idle = ticks(f[4:6])                                                        // idle, iowait
		u.foreign = ticks(f[1:4]) + ticks(f[6:9]) - u.own - u.server - u.bot - u.load // user, nice, system, irq, softirq, steal
	}
	return u
}

// since is what was used for each of n messages since another look.
func (u usage) since(v usage, n float64) usage {
	return usage{(u.own - v.own) / n, (u.server - v.server) / n, (u.bot - v.bot) / n, (u.load - v.load) / n, max(0, (u.foreign-v.foreign)/n), (u.idle - v.idle) / n, (u.calls - v.calls) / n}
}

// systemCalls counts the reads and writes of a process.
func systemCalls(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return 0
	}
	sum := 0.0
	for line := range strings.Lines(string(text)) {
		name, count, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if name == "syscr" || name == "syscw" {
			n, _ := strconv.ParseFloat(count, 64)
			sum += n
		}
	}
	return sum
}
