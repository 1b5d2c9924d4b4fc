package store

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/internal/stream"
)

const (
	// retryOpen is the pause between attempts to open a store on NATS.
	retryOpen = time.Second
	// closeWait is how long the end waits for what NATS has not confirmed.
	closeWait = 10 * time.Second
	// disconnectedFor is how long a connection may be lost before the store is not ready:
	// a server that is killed is replaced faster.
	disconnectedFor = 2 * time.Second
	// usedWithin is how long Usage waits.
	usedWithin = time.Second
)

// NATS says how an external NATS is reached that is the store. Its servers need JetStream
// and a max_payload of 2 MiB, or of the largest stanza and 64 KiB if that is more.
type NATS struct {
	URL      string // of one server or of several, with commas between them
	Name     string // what streams and subjects begin with; one for each installation
	Replicas int    // of every stream
	// Credentials: a file of credentials, or of the seed of an nkey, or a user; or none.
	CredsFile, NKeyFile, User, Password string
	TLS                                 *tls.Config // nil: as the URL says
	// Beat is within what time each replica that runs says something; 0: a second.
	Beat time.Duration
	// OnWaiting, which may be nil, is called when the store cannot be opened, with the
	// reason; once for each reason, and with nil when it is open.
	OnWaiting func(reason error)
	// Holds, which may be nil, says whether this process still is the one that may open the
	// store; nil: it is. It is asked before the streams of events are fenced off from others.
	Holds func(context.Context) error
	// Keeps, which may be nil, reports whether this process was until now the one that may write, and waits until that is
	// known, as long as ctx; nil: it was. It is asked before what is stored is reported as stored.
	Keeps func(context.Context) bool
}

func (n *NATS) beat() time.Duration { return cmp.Or(n.Beat, time.Second) }

func (n *NATS) remote(onHung func()) stream.Remote {
	return stream.Remote{
		URL: n.URL, Name: n.Name, Replicas: n.Replicas, CredsFile: n.CredsFile, NKeyFile: n.NKeyFile, User: n.User, Password: n.Password, TLS: n.TLS, Holds: n.Holds, Keeps: n.Keeps,
		OnLost: func(string) {
			if onHung != nil {
				onHung()
			}
		},
	}
}

// openNATS opens a store on NATS, and waits until it can. Each new reason is logged once.
func openNATS(ctx context.Context, o Options) (*Store, error) {
	var was error
	for {
		s := &Store{o: o, log: o.Log}
		err := s.open(ctx)
		if err == nil {
			if was != nil {
				o.Log.Info("store open")
			}
			if o.NATS.OnWaiting != nil {
				o.NATS.OnWaiting(nil)
			}
			return s, nil
		}
		err = fmt.Errorf("store.nats: %w", err)
		if !SameReason(err, was) && ctx.Err() == nil {
			was = err
			o.Log.Warn("store cannot be opened; waiting", zap.Error(err))
			if o.NATS.OnWaiting != nil {
				o.NATS.OnWaiting(err)
			}
		}
		pause(ctx, retryOpen)
		if ctx.Err() != nil {
			return nil, errors.Join(err, ctx.Err())
		}
	}
}

// SameReason reports whether two reasons why the store cannot be opened are the same, as far as it matters.
func SameReason(a, b error) bool { return stream.SameReason(a, b) }

// openTogether opens the streams at the same time: each takes some milliseconds.
func (s *Store) openTogether(ctx context.Context) error {
	failed := make([]error, len(s.streams))
	var wg sync.WaitGroup
	for i, st := range s.streams {
		wg.Go(func() { failed[i] = st.Open(ctx) })
	}
	wg.Wait()
	for _, err := range failed {
		if err != nil {
			return err // the others say the same
		}
	}
	return nil
}

// readyRemote returns why NATS cannot be written to. While it elects a leader what comes is
// kept in memory, and the store is ready until that is full.
func (s *Store) readyRemote() error {
	h := s.srv.Health()
	full := fmt.Errorf("%w: NATS has not confirmed anything for %v", gateway.ErrFull, h.UnwrittenFor.Round(time.Second))
	switch lost := time.Since(h.Since); {
	case !h.Connected && !h.Since.IsZero() && lost > disconnectedFor:
		return fmt.Errorf("store: there is no connection to NATS for %v; see store.nats.url and the log of NATS", lost.Round(time.Second))
	case s.queues.pub.waiting() >= maxWaiting && h.Trouble != nil:
		return fmt.Errorf("store: %w, and as much waits as may; it says: %w", full, h.Trouble)
	case s.queues.pub.waiting() >= maxWaiting:
		return fmt.Errorf("store: %w, and as much waits as may; more than half of its servers have to run", full)
	}
	return nil
}

// usedRemote returns how many bytes the streams have, or had when NATS answered last.
func (s *Store) usedRemote(ctx context.Context) int64 {
	ctx, cancel := context.WithTimeout(ctx, usedWithin)
	defer cancel()
	if used, err := s.srv.Used(ctx); err == nil {
		s.used.Store(used)
	}
	return s.used.Load()
}

// Remote is how the connection to NATS is.
type Remote struct {
	Server       string // address of the server that is connected, or was
	Replicas     int
	Connected    bool
	Reconnects   int64
	Republished  int64         // appends that were sent once more, as they had no answer
	Unwritten    int           // events that NATS has not confirmed
	UnwrittenFor time.Duration // for how long the oldest of them is not
}

// Remote returns how the connection to NATS is; nil if the store is embedded.
func (s *Store) Remote() *Remote {
	h := s.srv.Health()
	if h == nil {
		return nil
	}
	return &Remote{h.Server, h.Replicas, h.Connected, h.Reconnects, h.Republished, h.Unwritten + s.queues.pub.waiting(), h.UnwrittenFor}
}

// Settle waits until NATS has confirmed all events, or ctx ends; then it refuses what is not confirmed,
// and all that comes from now on: nobody delivers it. Of an embedded store it does nothing.
//
// Killed before it returns: events without a result are stored or not, as always.
func (s *Store) Settle(ctx context.Context) {
	if s.o.NATS == nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s.queues.pub.unpassed.Load() > 0 {
			time.Sleep(time.Millisecond)
		}
		s.srv.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		s.srv.Refuse()
		<-done // each has its result
	}
}

// Finding is what ProbeNATS has found of one thing.
type Finding struct {
	About, Found string
	Err          error  // what is wrong
	Advice       string // what to do; without Err, Found is a warning
	InUse        bool   // a process uses the streams
}

// ProbeNATS examines NATS as a store of this size, as Probe does a directory. It makes a
// stream and removes it. The first thing that is wrong is the last one that is looked at.
func ProbeNATS(ctx context.Context, n NATS, maxBytes int64, maxStanza int) []Finding {
	var all []Finding
	for _, f := range stream.Probe(ctx, n.remote(nil), stream.Options{MaxBytes: maxBytes, MaxRecordBytes: max(minRecord, maxStanza), Log: zap.NewNop()}, outboxName, replicasSubject, n.beat()) {
		all = append(all, Finding(f))
	}
	return all
}
