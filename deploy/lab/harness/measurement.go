//go:build linux

package harness

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// Measurement is to a program that measures what a testing.T is to a test: it prints
// what is logged, ends at Fatal, and undoes what was done when it is over. Its methods
// are those of testing.TB that this package and package load use; there are no others.
type Measurement struct {
	testing.TB

	name   string
	ctx    context.Context
	cancel context.CancelFunc

	mu       sync.Mutex
	failed   bool
	cleanups []func()
}

// Measure runs a measurement, and reports whether it went well.
func Measure(name string, measure func(m *Measurement)) bool {
	m := &Measurement{name: name}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { // Fatal ends the goroutine
		defer close(done)
		defer m.cleanUp()
		defer m.cancel()
		measure(m)
	}()
	<-done
	if m.Failed() {
		fmt.Printf("FAIL: %s\n", name)
	}
	return !m.Failed()
}

// Run runs a part of a measurement, which fails with it.
func (m *Measurement) Run(name string, measure func(m *Measurement)) {
	if !Measure(m.name+"/"+name, measure) {
		m.Fail()
	}
}

func (m *Measurement) cleanUp() {
	m.mu.Lock()
	all := m.cleanups
	m.mu.Unlock()
	for _, f := range slices.Backward(all) {
		f()
	}
}

// Cleanup is called by what has something to undo.
func (m *Measurement) Cleanup(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cleanups = append(m.cleanups, f)
}

// Context ends when the measurement does, before what was done is undone.
func (m *Measurement) Context() context.Context { return m.ctx }

// Name is the one that was given to Measure and Run.
func (m *Measurement) Name() string { return m.name }

// Helper has no meaning here.
func (m *Measurement) Helper() {}

// TempDir is a new directory, which is removed in the end.
func (m *Measurement) TempDir() string {
	dir, err := os.MkdirTemp("", "stanzahook-measurement-")
	if err != nil {
		m.Fatal(err)
	}
	m.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// Log prints a line.
func (m *Measurement) Log(args ...any) { fmt.Println(args...) }

// Logf prints a line.
func (m *Measurement) Logf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// Fail makes a failure of the measurement, which goes on.
func (m *Measurement) Fail() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failed = true
}

// Failed reports whether it is one.
func (m *Measurement) Failed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.failed
}

// FailNow is Fail, and ends the measurement.
func (m *Measurement) FailNow() {
	m.Fail()
	runtime.Goexit()
}

// Error is Log and Fail.
func (m *Measurement) Error(args ...any) {
	m.Log(args...)
	m.Fail()
}

// Errorf is Logf and Fail.
func (m *Measurement) Errorf(format string, args ...any) {
	m.Logf(format, args...)
	m.Fail()
}

// Fatal is Log and FailNow.
func (m *Measurement) Fatal(args ...any) {
	m.Log(args...)
	m.FailNow()
}

// Fatalf is Logf and FailNow.
func (m *Measurement) Fatalf(format string, args ...any) {
	m.Logf(format, args...)
	m.FailNow()
}
