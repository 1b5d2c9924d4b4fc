package component

import (
	"fmt"
	"time"
)

// gatherTime is how long what may wait for more waits at most, from one write to the
// next. A server takes a few stanzas that come together for much less than each alone,
// and passes them on together.
const gatherTime = time.Millisecond

// maxUnheard is how often markers may go to an old connection, one time after the other,
// while nothing else comes, until this one is taken for dead, too.
const maxUnheard = 4

// write is the write side of one connection: it takes everything that waits in
// one go, and watches the markers. It ends when stop is closed, or with the
// reason why the connection is no good.
func (c *connection) write(stop <-chan struct{}) error {
	l := c.l
	tick := time.NewTicker(l.o.Keepalive / 4)
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
				if now.Sub(lastWrite) < patience && l.Status().State != Shared {
					continue
				}
			case now.Sub(oldest) >= patience && c.heard.Load() < int64(oldest.Sub(c.began)) && (unheard >= maxUnheard || !l.state.mayHaveOld()):
				return ErrSilent
			case now.Sub(oldest) >= patience:
				// Stanzas come, the markers do not: they went to somebody else. On a quiet
				// link no stanzas may come either.
				unheard++
				l.state.markerAstray()
				l.out.forget()
			case now.Sub(newest) < l.o.Keepalive/4:
				continue
			}
			ping = true // if one is missing, another tells whether that is all that is
		}
		buf = l.out.take(buf[:0], ping, &l.Counters)
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
