package store

import (
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// A store that locks itself up says so, and to who can start a new process.
func TestHung(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	called := 0
	s := &Store{o: Options{OnHung: func() { called++ }}, log: zap.New(core)}
	s.onHung()
	if called != 1 || logs.Len() != 1 {
		t.Errorf("called %d times, log %v", called, logs.All())
	}
}

// A store that is looked after is alive; one whose guard is stuck is not.
func TestAlive(t *testing.T) {
	s := &Store{}
	s.seen()
	if err := s.Alive(); err != nil {
		t.Error(err)
	}
	then := time.Now().Add(-aliveWithin - time.Second)
	s.watched.Store(&then)
	if s.Alive() == nil {
		t.Error("alive without anybody looking after it")
	}
}
