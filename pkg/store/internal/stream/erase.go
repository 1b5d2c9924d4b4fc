package stream

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/nats-io/nats.go"
)

// maxErased is how many records of a stream may stand for none.
const maxErased = 10_000

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

// over returns the subjects of the oldest, if there are more than may be.
func (e *erasures) over() (places map[string]uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.all) <= maxErased {
		return nil
	}
	oldest := slices.SortedFunc(maps.Keys(e.all), func(a, b string) int { return cmp.Compare(e.all[a], e.all[b]) })
	places = make(map[string]uint64)
	for _, subject := range oldest[:len(oldest)-maxErased*9/10] {
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

// Sweep removes the oldest of what Erase left, if there are more than 10,000: whoever has a stream
// of things made and removed does not fill the disk. What these stand for might come back with a
// kill.
func (st *Stream) Sweep(ctx context.Context) error {
	for subject, place := range st.erasures.over() {
		if err := st.Purge(ctx, subject, place+1); err != nil {
			return err
		}
		st.erasures.forget(subject, place)
	}
	return nil
}
