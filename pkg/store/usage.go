package store

import (
	"context"
	"fmt"
)

// Usage is how much of the store is used.
type Usage struct {
	Bytes, MaxBytes int64
	Free, Reserve   uint64 // bytes of the disk, and below how many nothing more is accepted
	Refuses         error  // why nothing more is accepted now; nil: it is
}

// Usage returns how much of the store is used; of one on NATS that does not answer, how much
// was when it did.
func (s *Store) Usage(ctx context.Context) (Usage, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	u := Usage{MaxBytes: s.o.MaxBytes, Refuses: s.disk.refuses()}
	u.Free, u.Reserve = s.disk.room()
	if s.o.NATS != nil {
		u.Bytes = s.usedRemote(ctx)
		return u, nil
	}
	var err error
	if u.Bytes, err = s.srv.Used(ctx); err != nil {
		return u, fmt.Errorf("store: %w", err)
	}
	return u, nil
}

// Load is the load of the store, as far as it is known in memory.
type Load struct {
	MaxBytes                  int64 // as in Usage
	EventBytes, MaxEventBytes int64 // of the queues of events, about, and what they may take
	Refuses                   error // as in Usage
	Unwritten                 int   // events in memory that are not yet handed to the files
	UnwrittenLog              int   // bytes of the delivery log in memory, in batches that are full
	Held                      int   // finished events behind one that is not
	Moved                     int64 // events that have moved out of the way of others since the start
}

// Load returns the load of the store. It does not wait for the disk.
func (s *Store) Load() Load {
	return Load{
		MaxBytes: s.o.MaxBytes, EventBytes: s.disk.events.Load(), MaxEventBytes: s.disk.maxEvents,
		Refuses: s.disk.refuses(), Unwritten: s.queues.pub.waiting(), UnwrittenLog: s.deliveries.Unwritten(),
		Held: s.queues.recent.ahead(), Moved: s.queues.moved.Load(),
	}
}
