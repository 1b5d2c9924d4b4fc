package store

import (
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// A server that hangs is logged, and reported to whoever can start a new process.
func TestHung(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	called := 0
	w := &watcher{onHung: func() { called++ }, log: zap.New(core)}
	w.hung()
	if called != 1 || logs.Len() != 1 {
		t.Errorf("called %d times, log %v", called, logs.All())
	}
}

// A store is alive as long as its watcher comes by.
func TestAlive(t *testing.T) {
	w := &watcher{}
	w.seen()
	if err := w.alive(); err != nil {
		t.Error(err)
	}
	then := time.Now().Add(-aliveWithin - time.Second)
	w.checked.Store(&then)
	if w.alive() == nil {
		t.Error("alive although the watcher is stuck")
	}
}
