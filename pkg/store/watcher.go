package store

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/store/internal/stream"
)

const (
	watchPause = 200 * time.Millisecond
	// How often the server is asked for its sizes, in pauses: an embedded one each second.
	probeEvery, probeRemoteEvery = 5, 25
)

// watcher watches the disk and the embedded server: nothing is accepted that would fill
// the disk, and when a write has failed and there is room again, the server is restarted.
//
// What was said to be stored is in the files and stays there over the restart; what was
// under way is refused, and its sender gets an error.
type watcher struct {
	srv    *stream.Server
	disk   *disk
	queues *Queues
	reopen func(context.Context) error
	onHung func() // nil: nobody is called
	log    *zap.Logger
	every  int // pauses between probes

	checked atomic.Pointer[time.Time] // when run came by last
}

// run watches until ctx ends.
func (w *watcher) run(ctx context.Context) {
	tick := time.NewTicker(watchPause)
	defer tick.Stop()
	done := make(chan struct{}, 1)
	var since time.Time // of the probe that has not come back
	for n := 0; ; n++ {
		w.seen()
		select {
		case <-tick.C:
		case <-done:
			since = time.Time{}
			continue
		case <-ctx.Done():
			if !since.IsZero() { // a probe ends with ctx, unless the server hangs
				select {
				case <-done:
				case <-time.After(readTimeout):
				}
			}
			return
		}
		w.disk.check()
		switch {
		case since.IsZero() && (n%w.every == 0 || w.srv.Broken()):
			since = time.Now()
			go func() {
				w.probe(ctx)
				done <- struct{}{}
			}()
		case !since.IsZero() && time.Since(since) > hungAfter:
			w.hung()
			return
		}
	}
}

// aliveWithin is how often run comes by at least, on the slowest of machines.
const aliveWithin = 10 * time.Second

// seen notes that run has come by.
func (w *watcher) seen() {
	now := time.Now()
	w.checked.Store(&now)
}

// alive returns nil as long as run comes by.
func (w *watcher) alive() error {
	if silent := time.Since(*w.checked.Load()); silent > aliveWithin {
		return fmt.Errorf("store: it has not checked itself for %v", silent.Round(time.Second))
	}
	return nil
}

// probe does what needs the server, which may hang.
func (w *watcher) probe(ctx context.Context) {
	if w.srv.Broken() {
		w.recover(ctx)
	}
	_, _ = w.queues.Waiting(ctx) // on an error it is broken or closing: the next probe will tell
}

// hungAfter is how long the server may say nothing at all. Opening a large
// store takes some seconds.
const hungAfter = 90 * time.Second

// hung gives up a server that does not answer any more (COMPAT: nats-server
// 2.15.2 locks itself out when a purge meets a write error). Its files are
// whole, but nothing in this process may open them a second time.
func (w *watcher) hung() {
	w.log.Error("store hung", zap.String("hint", "only a new process can open it; what it has acknowledged is safe"))
	if w.onHung != nil {
		w.onHung()
	}
}

// recover restarts the server after a failed write, when there is room. When a part of
// that fails, the next probe does all of it again.
//
// Killed at any point: the files are as they were. An event that was refused, and is in
// the files all the same, is delivered after the restart of the process.
func (w *watcher) recover(ctx context.Context) {
	if w.disk.full.Load() != nil {
		return
	}
	w.log.Warn("a write to the store failed; reopening it")
	if err := w.reopen(ctx); err != nil {
		w.log.Error("store cannot be reopened; trying again", zap.Error(err))
		return
	}
	w.log.Info("store reopened")
}
