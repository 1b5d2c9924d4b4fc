package stream

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

func TestReadAck(t *testing.T) {
	for data, want := range map[string]uint64{
		`{"stream":"EV_echo", "seq":123}`:                  123,
		`{"stream":"EV_echo","seq":7,"duplicate":true}`:    7,
		`{"domain":"d","stream":"EV_echo","seq":8}`:        8,
		`{"stream":"EV_echo", "seq":18446744073709551615}`: 18446744073709551615, // not by the short way
		`{"stream":"EV_echo", "seq":0}`:                    0,
		`{"stream":"EV_echo"}`:                             0,
		`{}`:                                               0,
		``:                                                 0,
	} {
		seq, err := readAck(&nats.Msg{Data: []byte(data)})
		if seq != want || (err == nil) != (want != 0) {
			t.Errorf("%s: %d %v", data, seq, err)
		}
	}
	_, err := readAck(&nats.Msg{Data: []byte(`{"error":{"code":503,"err_code":10077,"description":"maximum messages exceeded"},"stream":"EV_echo","seq":0}`)})
	var api *jetstream.APIError
	if !errors.As(err, &api) || api.ErrorCode != 10077 {
		t.Errorf("%v", err)
	}
}

// windowed is a window that no stream answers.
func windowed(t *testing.T) (*window, func(name string), *[]string) {
	t.Helper()
	e := &engine{s: &Server{o: Options{Log: zap.NewNop()}}}
	w := newWindow(e, false)
	e.window = w
	var results []string
	add := func(name string) {
		w.mu.Lock()
		w.list[w.tail%inFlight] = pending{Append: Append{Result: func(_ *Append, seq uint64, err error) {
			results = append(results, fmt.Sprint(name, " ", seq, " ", err != nil))
		}}}
		w.tail++
		w.mu.Unlock()
	}
	return w, add, &results
}

// Results come in the order of the publishes, whatever the order of the
// answers, and each once.
func TestWindowKeepsTheOrder(t *testing.T) {
	w, add, results := windowed(t)
	for _, name := range []string{"a", "b", "c"} {
		add(name)
	}
	w.answer(1, 11, nil)
	w.answer(2, 12, &jetstream.APIError{ErrorCode: 10077})
	if len(*results) != 0 {
		t.Fatalf("%q", *results)
	}
	w.answer(0, 10, nil)
	w.answer(0, 99, nil) // of nobody
	if want := []string{"a 10 false", "b 11 false", "c 0 true"}; !slices.Equal(*results, want) {
		t.Errorf("%q", *results)
	}
	w.wait()
}

// After one that is refused because the store is broken, none counts as stored
// any more, even if its answer came.
func TestWindowOfABrokenStore(t *testing.T) {
	w, add, results := windowed(t)
	for _, name := range []string{"a", "b", "c", "d"} {
		add(name)
	}
	w.answer(2, 12, nil)
	w.answer(0, 10, nil)
	w.e.broken.Store(true)
	w.fail()
	w.answer(3, 13, nil)
	w.wait()
	if want := []string{"a 10 false", "b 0 true", "c 0 true", "d 0 true"}; !slices.Equal(*results, want) {
		t.Errorf("%q", *results)
	}
}

// A stream that does not answer has failed.
func TestWindowNoticesSilence(t *testing.T) {
	w, add, _ := windowed(t)
	add("a")
	w.late(0)
	w.wait()
	if !w.e.broken.Load() {
		t.Error("not noticed")
	}
}

// A window that is held refuses everything until it is resumed, and stays so if a write
// fails meanwhile.
func TestHeldWindow(t *testing.T) {
	w, add, results := windowed(t)
	w.broken = true
	add("a")
	w.fail()
	if !w.resume() {
		t.Error("it does not go on")
	}
	add("b")
	w.answer(1, 11, nil)
	w.e.broken.Store(true)
	if w.resume() {
		t.Error("it goes on though a write has failed")
	}
	if want := []string{"a 0 true", "b 11 false"}; !slices.Equal(*results, want) {
		t.Errorf("%q", *results)
	}
}

// Those who append at the same time get the results in the order of the places: one place
// divides what is stored from what is refused.
func TestAppendsAtTheSameTime(t *testing.T) {
	s, err := Start(Options{Dir: t.TempDir(), MaxBytes: 1 << 30, MaxRecordBytes: 1 << 20, Log: zap.NewNop()})
	require.NoError(t, err)
	defer s.Stop()
	st := s.Stream(Config{Name: "X", Subjects: "x.*"})
	require.NoError(t, st.Open(t.Context()))
	const each, goroutines = 5000, 8
	last, swapped := uint64(0), 0 // of the goroutine that hands out results
	done := make(chan error, each*goroutines)
	for range goroutines {
		go func() {
			for range each {
				s.Append(&Append{Subject: "x.x", Data: []byte("x"), Result: func(_ *Append, seq uint64, err error) {
					if seq < last {
						swapped++
					}
					last = seq
					done <- err
				}})
			}
		}()
	}
	for range each * goroutines {
		require.NoError(t, <-done)
	}
	s.Wait()
	if swapped > 0 {
		t.Errorf("%d results came after one of a later place", swapped)
	}
}
