package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// boardTimeout is how long a connection for a board may take: a server that is frozen takes
// a connection, and says nothing.
const boardTimeout = 500 * time.Millisecond

// ConnectBoard is Connect for a process that says and hears little, which has to come through
// at once: nothing big goes over its connection. It does not look whether NATS can be the store.
func ConnectBoard(r Remote, o Options) (*Server, error) {
	s := &Server{o: o, confirming: newConfirmer()}
	e := &engine{s: s, remote: newRemote(r)}
	options, err := e.options()
	if err != nil {
		return nil, err
	}
	if e.nc, err = dial(r.URL, append(options, nats.Timeout(boardTimeout), nats.FlusherTimeout(boardTimeout))); err != nil {
		return nil, fmt.Errorf("connect to NATS at %s: %w", r.URL, explain(err))
	}
	if e.js, err = jetstream.New(e.nc); err != nil {
		e.stop()
		return nil, fmt.Errorf("NATS at %s: %w", r.URL, err)
	}
	s.engine.Store(e)
	return s, nil
}

// Hear calls heard with what is said to all, one after the other.
func (s *Server) Hear(subject string, heard func(data []byte)) error {
	e := s.engine.Load()
	if _, err := e.nc.Subscribe(e.outer(subject), func(m *nats.Msg) { heard(m.Data) }); err != nil {
		return fmt.Errorf("subscribe to %s: %w", e.outer(subject), explain(err))
	}
	return nil
}

// Say says something to all who hear, without a confirmation.
func (s *Server) Say(subject string, data []byte) error {
	e := s.engine.Load()
	return e.nc.Publish(e.outer(subject), data)
}

// Reconnect makes another connection, to another server if there are several.
func (s *Server) Reconnect() {
	_ = s.engine.Load().nc.ForceReconnect() // fails when it is closed
}

// Flush waits until the server has what was said.
func (s *Server) Flush(ctx context.Context) error { return s.engine.Load().nc.FlushWithContext(ctx) }

// Make makes the stream if it is not there, and leaves it as it is otherwise: a newer
// version may have set it up.
//
// Killed before it returns: the stream is there or not.
func (st *Stream) Make(ctx context.Context) error {
	if _, err := st.handle(ctx); err == nil || !errors.Is(err, jetstream.ErrStreamNotFound) {
		return err
	}
	return st.Open(ctx)
}
