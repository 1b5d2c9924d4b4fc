package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"syscall"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"go.uber.org/zap"

	"stanzahook/httpapi/tools"
)

const (
	// maxLine bounds a message of a client.
	maxLine = tools.MaxBody + 64<<10
	// lastAnswers is how long answers are waited for when the client has closed its side: it may
	// be a script that has written all it wants, or have gone.
	lastAnswers = 5 * time.Second
)

// ServeStreams serves one client over streams, a message a line, until the client has closed
// one of them or ctx ends, which is no error. Calls run at the same time. What was asked before
// the client has closed its side is answered, if that takes no more than five seconds.
func ServeStreams(ctx context.Context, in io.Reader, out io.Writer, version string, run Run) error {
	return serveStreams(ctx, in, out, version, run, lastAnswers)
}

func serveStreams(ctx context.Context, in io.Reader, out io.Writer, version string, run Run, last time.Duration) error {
	streams := &sdk.IOTransport{Reader: io.NopCloser(in), Writer: nopCloser{out}, MaxLineLength: maxLine}
	err := newServer(version, tools.All(), run, zap.NewNop()).Run(ctx, &answering{streams, last})
	// A client that leaves closes both, and an answer may still be on its way.
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, syscall.EPIPE) || ctx.Err() != nil {
		return nil
	}
	return err
}

type nopCloser struct{ io.Writer }

// Close implements io.Closer.
func (nopCloser) Close() error { return nil }

// answering is a transport whose end comes when all requests before it are answered: the SDK gives
// up those that are being answered then.
type answering struct {
	sdk.Transport
	last time.Duration
}

// Connect implements sdk.Transport.
func (t *answering) Connect(ctx context.Context) (sdk.Connection, error) {
	c, err := t.Transport.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &answeringConn{Connection: c, last: t.last, open: make(map[jsonrpc.ID]bool), answered: make(chan struct{}, 1), closed: make(chan struct{})}, nil
}

type answeringConn struct {
	sdk.Connection
	last     time.Duration
	answered chan struct{}
	closed   chan struct{}
	once     sync.Once

	mu   sync.Mutex
	open map[jsonrpc.ID]bool // requests without an answer
}

// Read implements sdk.Connection.
func (c *answeringConn) Read(ctx context.Context) (jsonrpc.Message, error) {
	m, err := c.Connection.Read(ctx)
	if errors.Is(err, io.EOF) {
		c.await(ctx)
	}
	if r, is := m.(*jsonrpc.Request); is && err == nil {
		c.mu.Lock()
		if r.IsCall() {
			c.open[r.ID] = true
		} else if r.Method == "notifications/cancelled" { // it may get no answer
			var of sdk.CancelledParams
			_ = json.Unmarshal(r.Params, &of)
			if id, err := jsonrpc.MakeID(of.RequestID); err == nil {
				delete(c.open, id)
			}
		}
		c.mu.Unlock()
	}
	return m, err
}

// Write implements sdk.Connection.
func (c *answeringConn) Write(ctx context.Context, m jsonrpc.Message) error {
	err := c.Connection.Write(ctx, m)
	if r, is := m.(*jsonrpc.Response); is {
		c.mu.Lock()
		delete(c.open, r.ID)
		c.mu.Unlock()
		select {
		case c.answered <- struct{}{}:
		default:
		}
	}
	return err
}

// Close implements sdk.Connection.
func (c *answeringConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Connection.Close()
}

// await waits until no request is without an answer.
func (c *answeringConn) await(ctx context.Context) {
	timeout := time.NewTimer(c.last)
	defer timeout.Stop()
	for {
		c.mu.Lock()
		n := len(c.open)
		c.mu.Unlock()
		if n == 0 {
			return
		}
		select {
		case <-c.answered:
		case <-c.closed:
			return
		case <-ctx.Done():
			return
		case <-timeout.C:
			return
		}
	}
}
