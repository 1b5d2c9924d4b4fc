// Package memory bounds the garbage of a busy process, and returns to the system what a storm has
// left: a thousand rooms that are joined, ten thousand avatars that are asked for, a refresh of all
// rosters, what was missed while the server was away. Go's heap is then up to twice as large as what
// is in use, and stays so: nothing collects garbage in a process that makes none, and memory that
// was used once is returned slowly.
package memory

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"go.uber.org/zap"
)

// When memory is returned. A process that is busy makes more garbage than that, and needs the
// memory for it again at once: there nothing is done.
const (
	pause = 5 * time.Second // between two looks
	// enough is how many bytes have to be allocated since the last return, which cost a
	// collection: some milliseconds, most of them beside the work.
	enough = 16 << 20
	// calm is how many bytes may be allocated between two looks of a process that is at rest, and
	// looks how many such looks there have to be, one after the other.
	calm  = 1 << 20
	looks = 3
)

// Watch sees when a storm is over. The zero Watch is ready to use.
type Watch struct {
	seen     uint64 // bytes that were allocated since the start, at the last look
	returned uint64 // the same, when memory was returned
	calm     int    // looks at a process at rest
}

// Look is called after each pause, with how many bytes the process has allocated since its start.
// It reports whether memory is to be returned now.
func (w *Watch) Look(allocated uint64) bool {
	if allocated-w.seen > calm {
		w.calm = 0
	} else {
		w.calm = min(w.calm+1, looks)
	}
	w.seen = allocated
	if w.calm < looks || allocated-w.returned < enough {
		return false
	}
	w.returned = allocated
	return true
}

// Run returns memory after storms and bounds the garbage, until ctx is done. With the environment
// variable GOGC, garbage is as that says.
func Run(ctx context.Context, log *zap.Logger) {
	t := time.NewTicker(pause)
	defer t.Stop()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	if os.Getenv("GOGC") != "" {
		second.Stop()
	}
	allocated := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	percent := goPercent
	for w := (Watch{}); ; {
		select {
		case <-ctx.Done():
			return
		case <-second.C:
			metrics.Read(live)
			if p := Percent(live[0].Value.Uint64()); p != percent {
				percent = p
				debug.SetGCPercent(p)
			}
		case <-t.C:
			if metrics.Read(allocated); w.Look(allocated[0].Value.Uint64()) {
				began := time.Now()
				debug.FreeOSMemory()
				log.Debug("unused memory returned to the system", zap.Duration("took", time.Since(began)))
			}
		}
	}
}
