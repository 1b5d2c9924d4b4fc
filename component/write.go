package component

import (
	"fmt"
	"time"
)

// gatherTime is how long items that may wait for others wait at most, from one write to
// the next. A few stanzas that come together cost a server much less than each alone.
const gatherTime = time.Millisecond

// holdTime is how long held items wait until they are looked at again.
const holdTime = 20 * time.Millisecond

// missingTime is how long a marker may be away until another one is sent, which confirms the same: it may have gone to
// a connection of ours that has ended since.
const missingTime = 500 * time.Millisecond

// maxUnheard is how often markers may go to an old connection, one time after the other,
// while nothing else comes, until this connection counts as dead too.
const maxUnheard = 4

// write is the write side of the connection: it writes everything that waits at once,
// and watches the markers. It ends when stop is closed, or with the reason why the
// connection cannot be used any more.
func (c *connection) write(stop <-chan struct{}) error {
	l := c.l
	quarter := l.o.Keepalive / 4
	missing := min(quarter, missingTime)
	tick := time.NewTicker(missing)
	defer tick.Stop()
	gathered := time.NewTimer(time.Hour)
	defer gathered.Stop()
	var buf []byte
	unheard := 0 // how often the markers were given up
	lastWrite := time.Now()
	for {
		ping := false
		select {
		case <-stop:
			return nil
		case <-l.out.wake:
			if wait := gatherTime - time.Since(lastWrite); wait > 0 && l.out.wait() {
				gathered.Reset(wait)
				continue
			}
		case <-gathered.C:
		case now := <-tick.C:
			// Together at most two keepalives until a dead connection is noticed.
			patience := l.o.Keepalive * 3 / 4
			oldest, newest := l.out.waiting()
			switch {
			case oldest.IsZero():
				if idle := now.Sub(lastWrite); idle < quarter || idle < patience && l.Status().State != Shared {
					continue
				}
			case now.Sub(oldest) >= patience && c.heard.Load() < int64(oldest.Sub(c.began)) && (unheard >= maxUnheard || !l.state.mayHaveOld()):
				return errSilent
			case now.Sub(oldest) >= patience:
				// Stanzas come, the markers do not: they went to another connection. On a
				// quiet link no stanzas may come either.
				unheard++
				l.state.markerAstray()
				l.out.forget()
			case now.Sub(newest) < missing:
				continue
			}
			ping = true // if one is missing, another shows whether others are too
		}
		buf = l.out.take(buf[:0], ping, &l.Counters)
		if l.out.withholds() {
			gathered.Reset(holdTime)
		}
		if len(buf) == 0 {
			continue
		}
		lastWrite = time.Now()
		if err := c.conn.SetWriteDeadline(lastWrite.Add(writeTimeout)); err != nil {
			return fmt.Errorf("set deadline: %w", err)
		}
		if _, err := c.conn.Write(buf); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		if cap(buf) > 1<<20 {
			buf = nil // do not keep the memory of one burst
		}
	}
}
