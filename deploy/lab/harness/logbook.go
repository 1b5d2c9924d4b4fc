//go:build linux

package harness

import (
	"encoding/json"
	"strings"
	"sync"
)

// Logbook takes what the program prints.
type Logbook struct {
	mu   sync.Mutex
	text strings.Builder
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
type LogEntry struct{ Level, Msg, Component, HTTP string }

func (l *Logbook) Entries() []LogEntry {
	var all []LogEntry
	for line := range strings.Lines(l.String()) {
		var e LogEntry
		if strings.HasSuffix(line, "\n") && json.Unmarshal([]byte(line), &e) == nil {
			all = append(all, e)
		}
	}
	return all
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
