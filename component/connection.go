package component

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
)

// writeTimeout is how long one write may take before the connection is given up.
const writeTimeout = 30 * time.Second

// connection is one connection of a link.
type connection struct {
	l      *Link
	conn   net.Conn
	r      *stanza.Reader
	parser *stanza.Parser
	began  time.Time
	heard  atomic.Int64 // the last element was read so long after began; the wall clock may be set meanwhile
}

// serve runs the connection: this goroutine reads, another writes. It returns
// when both have ended, with the reason.
func (c *connection) serve(ctx context.Context) error {
	var (
		wg      sync.WaitGroup
		once    sync.Once
		reason  error
		writing = make(chan struct{})
	)
	alive, dead := context.WithCancel(ctx)
	// end stops the connection; the first reason counts. What the server said
	// before it closed can still be read, for a moment.
	end := func(err error) {
		once.Do(func() {
			reason = err
			dead()
			close(writing)
			_ = c.conn.SetReadDeadline(time.Now().Add(lastWords))
		})
	}
	defer context.AfterFunc(ctx, func() { end(ctx.Err()) })()
	c.l.out.connected(func() { end(gateway.ErrBusy) })
	c.l.Counters.Connects.Add(1)
	c.l.state.up()
	wg.Go(func() {
		if err := c.write(writing); err != nil {
			end(err)
		}
		// A clean end of our own: say goodbye, and read on until the server has
		// said it too. What it had written before that is accepted, not lost.
		if ctx.Err() != nil {
			_ = c.conn.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = c.conn.Write([]byte("</stream:stream>"))
		}
	})
	if c.l.o.OnUp != nil {
		wg.Go(func() { c.l.o.OnUp(alive) })
	}
	err := c.readAll()
	end(err)
	if ctx.Err() == nil {
		_ = c.conn.Close() // the writer may be in the middle of something
	} else {
		_ = c.conn.SetWriteDeadline(time.Now().Add(time.Second))
	}
	wg.Wait()
	if said := (*StreamError)(nil); errors.As(err, &said) {
		return err
	}
	return reason
}

// lastWords is how long to go on reading at the end of a connection: after a write that
// failed, for the server's stream error, which says why; after our own end of the
// stream, for what the server had written before its own.
const lastWords = time.Second
