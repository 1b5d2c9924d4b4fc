package stream

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/nats-io/nats.go"
)

const (
	// maxErased is how many records of a stream may stand for none.
	maxErased = 10_000
	// ErasedShare is the part of a stream's bytes that these take at most: at a bound, others would
	// have to go for them, or would be refused.
	ErasedShare = 16
	// erasedBytes is about what one takes.
	erasedBytes = 192
)

const operationHeader = "KV-Operation"

// isErased reports whether a record stands for none.
func isErased(h nats.Header) bool { return len(h) > 0 && h.Get(operationHeader) != "" }

// erasures are the places of the records of a stream that stand for none, by subject.
//
// To remove the record of a subject is not enough: NATS writes down what was removed, but not that
// a record has replaced another one. A process that starts after a kill reads all that is in the
// files, and would find the record before the one that was removed. So a record that stands for
// none takes the place, and stays.
type erasures struct {
	mu  sync.Mutex
	all map[string]uint64
}

func (e *erasures) note(subject string, place uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.all == nil {
		e.all = make(map[string]uint64)
	}
	e.all[subject] = max(place, e.all[subject])
}

func (e *erasures) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.all)
}

// over returns the subjects of the oldest, if there are more than may be.
func (e *erasures) over(most int) (places map[string]uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.all) <= most {
		return nil
	}
	oldest := slices.SortedFunc(maps.Keys(e.all), func(a, b string) int { return cmp.Compare(e.all[a], e.all[b]) })
	places = make(map[string]uint64)
	for _, subject := range oldest[:len(oldest)-most*9/10] {
		places[subject] = e.all[subject]
	}
	return places
}

// forget forgets one that is not there any more.
func (e *erasures) forget(subject string, place uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.all[subject] == place {
		delete(e.all, subject)
	}
}

// Erase makes a subject empty, of a stream with one record for each. It leaves a record of some
// 100 bytes, until there are too many of them; see [Stream.Sweep].
//
// Killed before it returns: the record may still be there. Killed after: it does not come back.
// Errors: gateway.ErrFull, where the stream refuses new records at a bound.
func (st *Stream) Erase(ctx context.Context, subject string) error {
	place, err := st.Put(ctx, &Message{Subject: subject, Header: Header{operationHeader: {"PURGE"}}})
	if err == nil {
		st.erasures.note(subject, place)
	}
	return err
}

// mostErased is how many records of the stream may stand for none.
func (st *Stream) mostErased() int {
	if bytes, _ := st.Bounds(); bytes > 0 {
		return int(min(maxErased, bytes/ErasedShare/erasedBytes))
	}
	return maxErased
}

// IsOver reports whether Sweep would remove something.
func (st *Stream) IsOver() bool { return st.erasures.count() > st.mostErased() }

// Sweep removes the oldest of what Erase left, if there are more than 10,000, or they may take more
// than ErasedShare of the stream: whoever has a stream of things made and removed fills neither that
// nor the disk. What these stand for might come back with a kill.
func (st *Stream) Sweep(ctx context.Context) error {
	for subject, place := range st.erasures.over(st.mostErased()) {
		if err := st.Purge(ctx, subject, place+1); err != nil {
			return err
		}
		st.erasures.forget(subject, place)
	}
	return nil
}
