//go:build linux

package harness

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"
)

// Logbook takes what the program prints.
type Logbook struct {
	mu      sync.Mutex
	text    strings.Builder
	read    int        // how much of it is in entries
	entries []LogEntry // of whole lines
}

func (l *Logbook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *Logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// LogEntry is one line of the log.
type LogEntry struct {
	Time                               time.Time
	Level, Msg, Error, Component, HTTP string
}

// Entries are the lines that are JSON. Tests ask for them often: each line is parsed once.
func (l *Logbook) Entries() []LogEntry {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		line, _, whole := strings.Cut(l.text.String()[l.read:], "\n")
		if !whole {
			return slices.Clip(l.entries) // it only grows
		}
		l.read += len(line) + 1
		var e LogEntry
		if json.Unmarshal([]byte(line), &e) == nil {
			l.entries = append(l.entries, e)
		}
	}
}

func (l *Logbook) Count(match func(LogEntry) bool) int {
	n := 0
	for _, e := range l.Entries() {
		if match(e) {
			n++
		}
	}
	return n
}
