//go:build integration

package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store"
)

// feeder appends events to a queue on a small disk, and notes what became of them.
type feeder struct {
	t             *testing.T
	disk          string
	o             store.Options
	s             *store.Store
	q             *store.Queue
	conversations int
	n             int // events so far
	flying        sync.WaitGroup

	mu            sync.Mutex
	kept, refused map[string]bool
}

func newFeeder(t *testing.T, size string, conversations int) *feeder {
	t.Helper()
	disk := harness.SmallDisk(t, size)
	f := &feeder{t: t, disk: disk, o: store.Options{Dir: filepath.Join(disk, "store"), MaxBytes: 1 << 30}, conversations: conversations,
		kept: make(map[string]bool), refused: make(map[string]bool)}
	f.open()
	return f
}

func (f *feeder) open() {
	f.s = openWith(f.t, f.o)
	f.q = queue(f.t, f.s, "echo")
}

// put appends an event. done, which may be nil, is called when its result is known; an
// error of Append is returned too.
func (f *feeder) put(done func(error)) error {
	r := record(f.n, f.n%f.conversations)
	f.n++
	f.flying.Add(1)
	result := func(err error) {
		defer f.flying.Done()
		f.mu.Lock()
		if err == nil {
			f.kept[r.ID] = true
		} else {
			f.refused[r.ID] = true
		}
		f.mu.Unlock()
		if done != nil {
			done(err)
		}
	}
	err := f.q.Append(r, func(_ uint64, err error) { result(err) })
	if err != nil {
		result(err)
	}
	return err
}

// offer puts an event, and reports whether Append accepts it.
func (f *feeder) offer() bool { return !errors.Is(f.put(nil), gateway.ErrFull) }

// store puts an event, and reports whether it is stored.
func (f *feeder) store() bool {
	f.t.Helper()
	result := make(chan error, 1)
	_ = f.put(func(err error) { result <- err })
	select {
	case err := <-result:
		if err != nil && !errors.Is(err, gateway.ErrFull) {
			f.t.Fatalf("an error that does not say the store is full: %v", err)
		}
		return err == nil
	case <-time.After(time.Minute):
		f.t.Fatal("no answer for a minute")
		return false
	}
}

// until puts events until they are accepted, or are not.
func (f *feeder) until(want bool, put func() bool) {
	f.t.Helper()
	tick := time.NewTicker(50 * time.Microsecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); put() != want; <-tick.C {
		if time.Now().After(deadline) {
			f.t.Fatalf("events are accepted: still not %v", want)
		}
	}
}

// check fails if an event that was said to be stored is lost, or, with all, if one that
// was refused is there.
func (f *feeder) check(all bool) {
	f.t.Helper()
	found := map[string]bool{}
	for c := range f.conversations {
		for _, r := range read(f.t, f.q, c) {
			found[r.ID] = true
		}
	}
	for id := range f.kept {
		if !found[id] {
			f.t.Errorf("%s was said to be stored, and is lost", id)
		}
	}
	for id := range found {
		if all && !f.kept[id] {
			f.t.Errorf("%s was refused, and is there", id)
		}
	}
}

// The disk fills up under load: every event that is said to be stored is found
// again, every other one is refused at once, and when there is room the store accepts
// events again by itself.
func TestDiskFull(t *testing.T) {
	f := newFeeder(t, "64m", 7)
	defer func() { f.s.Close() }()
	for round := range 3 {
		for range 500 {
			f.store()
		}
		free := harness.FillDisk(t, f.disk)
		f.until(false, f.store)
		for range 100 {
			f.store()
		}
		if err := f.s.Ready(t.Context()); err == nil {
			t.Error("the store says that it is ready")
		}
		free()
		f.until(true, f.store)
		if err := f.s.Ready(t.Context()); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
	}
	f.check(true)
	f.s.Close()
	f.open()
	f.check(true)
	t.Logf("%d stored, %d refused", len(f.kept), len(f.refused))
}

// diskFullRounds is how often a disk fills up where it matters when that happens.
func diskFullRounds() int {
	if os.Getenv("STANZAHOOK_FAULTS") == "full" {
		return 8
	}
	return 3
}

// Senders go on while the store is opened anew after a failed write: what it
// says it has stored then is there as well.
func TestDiskFullUnderLoad(t *testing.T) {
	for range diskFullRounds() {
		f := newFeeder(t, "128m", 1)
		filled := make(chan func(), 1)
		go func() { filled <- harness.FillDisk(t, f.disk) }()
		f.until(false, f.offer) // a write fails, or the store looks at the disk in time
		(<-filled)()
		f.until(true, f.offer)
		for range 50 {
			_ = f.put(nil)
		}
		f.flying.Wait()
		f.s.Close() // and with that, what is removed by mistake is gone
		f.open()
		f.check(false)
		f.s.Close()
	}
}

// Many events are under way when a write fails: none that was refused is read
// afterwards.
func TestDiskFullRefusedIsGone(t *testing.T) {
	for range diskFullRounds() {
		f := newFeeder(t, "128m", 1)
		filled := make(chan func(), 1)
		go func() { filled <- harness.FillDisk(t, f.disk) }()
		for f.offer() && f.n < 8000 {
		}
		free := <-filled
		f.flying.Wait()
		free()
		for deadline := time.Now().Add(time.Minute); f.s.Ready(t.Context()) != nil; {
			if time.Now().After(deadline) {
				t.Fatal("still not ready")
			}
		}
		f.check(true)
		f.s.Close()
	}
}
