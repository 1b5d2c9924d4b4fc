package instance

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"stanzahook/cmd/internal/terminal"
)

const (
	// streamSilence is after how long without a line a stream is dead: there is a
	// heartbeat every 15 s.
	streamSilence = 45 * time.Second
	// Waits between attempts to connect again.
	firstReconnect, lastReconnect = 200 * time.Millisecond, 15 * time.Second
)

// Follower reads a stream over any number of connections.
type Follower struct {
	*API
	Request     Request
	OnEvent     func(Event) error // ends the reading with its error
	OnConnected func() error      // called once, on the first connection; ends the reading with its error
	Notices     io.Writer         // of connections that are lost, and there again
	last        string            // the id of the last event
	connections int               // that there were
}

// errEndOfRight means that the token may read no more, or that another reader has its place.
var errEndOfRight = errors.New("the instance ended the stream")

// Follow calls OnEvent with every event until the context is done, which is no error. It
// returns the error of the first attempt to connect. Later it connects again until the
// instance refuses, and asks for what has come since the last event.
func (f *Follower) Follow(ctx context.Context) error {
	for wait := firstReconnect; ; wait = min(2*wait, lastReconnect) {
		before := f.connections
		err := f.read(ctx)
		no, refused := errors.AsType[*Error](err)
		mine, own := errors.AsType[*ownError](err)
		switch {
		case ctx.Err() != nil:
			return nil
		case own:
			return mine.error
		case f.connections == 0, errors.Is(err, errEndOfRight), refused && no.Status < http.StatusInternalServerError && no.Status != http.StatusTooManyRequests:
			return err
		}
		if f.connections > before {
			wait = firstReconnect
			fmt.Fprintf(f.Notices, "%v\nconnecting again …\n", cmp.Or(err, errors.New("the instance closed the stream")))
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
	}
}

// ownError is an error of OnEvent.
type ownError struct{ error }

// read reads one connection to its end.
func (f *Follower) read(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	header := http.Header{"Accept": {"text/event-stream"}}
	if f.last != "" {
		header.Set("Last-Event-ID", f.last)
	}
	client := f.Client
	client.Timeout = 0 // the stream has no end; its silence has
	silent := time.AfterFunc(streamSilence, func() { cancel(errors.New("nothing came for " + streamSilence.String())) })
	defer silent.Stop()
	answer, err := f.Stream(ctx, &client, f.Request, header)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if f.connections++; f.connections > 1 {
		fmt.Fprintln(f.Notices, "connected again")
	} else if f.OnConnected != nil {
		if err := f.OnConnected(); err != nil {
			return &ownError{err}
		}
	}
	err = readStream(answer.Body, func() { silent.Reset(streamSilence) }, func(e Event) error {
		if e.ID != "" {
			f.last = e.ID
		}
		if e.Event == "end" {
			return endOf(e)
		}
		if err := f.OnEvent(e); err != nil {
			return &ownError{err}
		}
		return nil
	})
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	return err
}

// endOf is the error of the last event of a stream.
func endOf(e Event) error {
	var why struct{ Reason, Detail string }
	_ = json.Unmarshal(e.Data, &why) // without a reason the stream has ended all the same
	text := cmp.Or(why.Detail, why.Reason, "no reason given")
	switch why.Reason {
	case "unauthorized", "forbidden", "replaced":
		return fmt.Errorf("%w: %s", errEndOfRight, terminal.Harmless(text))
	}
	return errors.New("the instance ended the stream: " + terminal.Harmless(text))
}
