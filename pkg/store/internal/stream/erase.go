package stream

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"stanzahook/pkg/gateway"
)

// EraseKeep is how long a record that stands for none is kept, at least: twice as long as a
// server of NATS may take to write the index of a stream, which is two minutes and a half.
const EraseKeep = 5 * time.Minute

const (
	// maxErased is how many of them are known; the others stay until the next process finds them.
	maxErased = 50_000
	// maxSweep is how many are removed at a time, for others.
	maxSweep = 1000
)

const operationHeader = "KV-Operation"

// isErased reports whether a record stands for none.
func isErased(h nats.Header) bool { return len(h) > 0 && h.Get(operationHeader) != "" }

// erasures are the records of a stream that stand for none.
//
// To remove the record of a subject is not enough. NATS does not write down that a record has
// replaced another one until it writes the index of the stream: after a kill before that it would
// find the replaced one, and nothing says that it went. So a record that stands for none takes
// the place, and is removed when the index was written.
type erasures struct {
	mu  sync.Mutex
	all map[string]erasure // by subject
}

type erasure struct {
	place   uint64
	since   time.Time // when it was stored, or found
	earlier bool      // an earlier process has stored it
}

// note notes a record that stands for none.
func (e *erasures) note(subject string, one erasure) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if before, known := e.all[subject]; known && before.place >= one.place || !known && len(e.all) >= maxErased {
		return
	}
	if e.all == nil {
		e.all = make(map[string]erasure)
	}
	e.all[subject] = one
}

// found notes one that was read.
func (e *erasures) found(subject string, place uint64) {
	e.note(subject, erasure{place: place, since: time.Now(), earlier: true})
}

// forget forgets one that is not there any more.
func (e *erasures) forget(subject string, place uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.all[subject].place == place {
		delete(e.all, subject)
	}
}

// due returns some of those of before a time.
func (e *erasures) due(before time.Time) map[string]erasure {
	e.mu.Lock()
	defer e.mu.Unlock()
	due := make(map[string]erasure)
	for subject, one := range e.all {
		if one.since.Before(before) {
			due[subject] = one
		}
		if len(due) == maxSweep {
			break
		}
	}
	return due
}

// Erase makes a subject empty, of a stream with one record for each. What it leaves is small, and
// goes by [Stream.Sweep].
//
// Killed before it returns: the record may still be there. Killed after: it does not come back.
// Errors: gateway.ErrFull, where the stream refuses new records at a bound.
func (st *Stream) Erase(ctx context.Context, subject string) error {
	place, err := st.Put(ctx, erased(subject))
	return st.left(subject, place, err)
}

// EraseAt is Erase of the record at a place. Errors: those of Erase; gateway.ErrChanged: there is
// another one.
func (st *Stream) EraseAt(ctx context.Context, subject string, last uint64) error {
	place, err := st.Replace(ctx, erased(subject), last)
	return st.left(subject, place, err)
}

func erased(subject string) *Message {
	return &Message{Subject: subject, Header: Header{operationHeader: {"PURGE"}}}
}

// left notes what an erasure has left.
func (st *Stream) left(subject string, place uint64, err error) error {
	if err == nil {
		st.erasures.note(subject, erasure{place: place, since: time.Now()})
	}
	return err
}

// Sweep removes what erasures left before a time. What earlier processes have left is written anew
// first: it is not known whether the index was written since.
//
// Killed at any point: what is left is found by the next process.
func (st *Stream) Sweep(ctx context.Context, before time.Time) error {
	for subject, one := range st.erasures.due(before) {
		var err error
		if one.earlier {
			err = st.EraseAt(ctx, subject, one.place)
		} else {
			err = st.Purge(ctx, subject, one.place+1)
		}
		if err != nil && !errors.Is(err, gateway.ErrChanged) { // there is a record again
			return err
		}
		st.erasures.forget(subject, one.place)
	}
	return nil
}
