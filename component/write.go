package component

import (
	"fmt"
	"net"
	"sync/atomic"
	"time"
)

// write is the write side of one connection: it takes everything that waits in
// one go, and watches the markers. It ends when stop is closed, or with the
// reason why the connection is no good.
func (l *Link) write(conn net.Conn, stop <-chan struct{}, heard *atomic.Int64) error {
	tick := time.NewTicker(l.o.Keepalive / 4)
	defer tick.Stop()
	var buf []byte
	lastWrite := time.Now()
	for {
		ping := false
		select {
		case <-stop:
			return nil
		case <-l.out.wake:
		case now := <-tick.C:
			quiet := now.Sub(time.Unix(0, heard.Load()))
			opened := l.out.waiting()
			switch {
			case !opened.IsZero() && quiet > l.o.Keepalive && now.Sub(opened) > l.o.Keepalive:
				return ErrSilent
			case !opened.IsZero() && now.Sub(opened) > l.o.Keepalive:
				// Stanzas come, the marker does not: it went to somebody else.
				l.markerAstray()
				l.out.again()
				continue
			case opened.IsZero() && (now.Sub(lastWrite) >= l.o.Keepalive || l.Status().State == Shared):
				ping = true
			default:
				continue
			}
		}
		buf = l.out.take(buf[:0], ping, &l.Counters)
		if len(buf) == 0 {
			continue
		}
		lastWrite = time.Now()
		if err := conn.SetWriteDeadline(lastWrite.Add(writeTimeout)); err != nil {
			return fmt.Errorf("set deadline: %w", err)
		}
		if _, err := conn.Write(buf); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		if cap(buf) > 1<<20 {
			buf = nil // do not keep the memory of one burst
		}
	}
}
