package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
)

var ordered = Config{Name: "EVENTS", About: "events", Subjects: "event.*.*", First: 1 << 40, RefuseNew: true, MaxBytes: 1 << 26, Sequenced: true}

// reach connects a store to a server, and a client that is not the store's.
func reach(t *testing.T, url string, onLost func(string)) (*Server, jetstream.JetStream) {
	t.Helper()
	s, err := Connect(t.Context(), Remote{URL: url, Name: "lab", Replicas: 1, OnLost: onLost}, Options{MaxBytes: 1 << 30, MaxRecordBytes: 1 << 20, Log: zap.NewNop()})
	require.NoError(t, err)
	t.Cleanup(s.Stop)
	nc, err := nats.Connect(url)
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	return s, js
}

// A stream that is full cannot be opened, and the reason says what to do, at once.
func TestFenceOfFullStream(t *testing.T) {
	url := serveNATS(t, true).ClientURL()
	s, _ := reach(t, url, nil)
	c := ordered
	c.MaxBytes = 100
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := s.Stream(c).Open(ctx)
	if err == nil || !strings.Contains(err.Error(), "raise store.max_bytes") || ctx.Err() != nil {
		t.Error(err)
	}
}

// A process that appends all the time is stopped by the next one: nothing of it is stored
// behind the fence.
func TestFenceStopsAppender(t *testing.T) {
	url := serveNATS(t, true).ClientURL()
	lost := make(chan string, 10)
	first, js := reach(t, url, func(reason string) { lost <- reason })
	require.NoError(t, first.Stream(ordered).Open(t.Context()))
	var stopped atomic.Bool
	var writer sync.WaitGroup
	var results atomic.Int64
	writer.Go(func() {
		for i := 0; !stopped.Load(); i++ {
			first.Append(&Append{Subject: "event.echo.c", Data: []byte(strconv.Itoa(i)), Result: func(*Append, uint64, error) { results.Add(1) }})
		}
	})
	defer func() {
		stopped.Store(true)
		first.Refuse()
		writer.Wait()
	}()
	for results.Load() < 100 {
		time.Sleep(time.Millisecond)
	}
	second, _ := reach(t, url, func(reason string) { t.Error(reason) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	st := second.Stream(ordered)
	require.NoError(t, st.Open(ctx))
	before, err := st.State(ctx)
	require.NoError(t, err)
	if reason := <-lost; !strings.Contains(reason, "another process writes") {
		t.Error(reason)
	}
	done := make(chan uint64, 1)
	second.Append(&Append{Subject: "event.echo.c", Data: []byte("mine"), Result: func(_ *Append, seq uint64, err error) { done <- seq }})
	if seq := <-done; seq != before.Last+1 {
		t.Errorf("place %d, and the fence ended at %d", seq, before.Last)
	}
	stream, err := js.Stream(ctx, "lab_EVENTS")
	require.NoError(t, err)
	if info, err := stream.Info(ctx); err != nil || info.State.LastSeq != before.Last+1 {
		t.Errorf("%+v %v", info.State, err)
	}
}

// The fence is only a fence if its first record has the very next place.
func TestFenceIsOvertaken(t *testing.T) {
	url := serveNATS(t, true).ClientURL()
	s, js := reach(t, url, nil)
	st := s.Stream(ordered)
	require.NoError(t, st.Open(t.Context()))
	state, err := st.State(t.Context())
	require.NoError(t, err)
	for range 3 { // after the state was read
		if _, err := js.Publish(t.Context(), "lab.event.echo.c", nil); err != nil {
			t.Fatal(err)
		}
	}
	e := s.engine.Load()
	if _, err := st.fenceAfter(t.Context(), e, "lab.event._.fence", state.Last); !isWrongLast(err) {
		t.Errorf("the fence holds, and three records are before it: %v", err)
	}
	state, err = st.State(t.Context())
	require.NoError(t, err)
	next, err := st.fenceAfter(t.Context(), e, "lab.event._.fence", state.Last)
	if err != nil || next != state.Last+fenceWidth+1 {
		t.Errorf("next place %d after %d, %v", next, state.Last, err)
	}
}

// A process that is late, because it was stopped while it opened the stream, does not fence off
// the one that has the role by now, whenever it loses that.
func TestFenceNeedsRole(t *testing.T) {
	gone := errors.New("another one has the role")
	for asked := range 2 { // the role is another one's before it is asked for, or right after
		t.Run(strconv.Itoa(asked), func(t *testing.T) {
			url := serveNATS(t, true).ClientURL()
			lost := make(chan string, 1)
			next, _ := reach(t, url, func(reason string) { lost <- reason })
			done := make(chan error, 1)
			appendOne := func() {
				next.Append(&Append{Subject: "event.echo.c", Result: func(_ *Append, _ uint64, err error) { done <- err }})
				select {
				case err := <-done:
					if err != nil {
						t.Error(err)
					}
				case reason := <-lost:
					t.Error(reason)
				}
			}
			takes := sync.OnceFunc(func() {
				if err := next.Stream(ordered).Open(t.Context()); err != nil {
					t.Error(err)
				}
				appendOne()
			})
			late, _ := reach(t, url, nil)
			holds := 0
			late.engine.Load().remote.Holds = func(context.Context) error {
				if holds++; holds > asked {
					takes()
					return gone
				}
				if holds == asked {
					takes()
				}
				return nil
			}
			if err := late.Stream(ordered).Open(t.Context()); !errors.Is(err, gone) {
				t.Errorf("it has opened the stream: %v", err)
			}
			appendOne()
		})
	}
}

// What a server says of a stream that has no leader counts for nothing; it is asked again.
func TestStateWithoutLeader(t *testing.T) {
	url := serveNATS(t, false).ClientURL()
	nc, err := nats.Connect(url)
	require.NoError(t, err)
	defer nc.Close()
	answer := func(subject string, text func() string) {
		if _, err := nc.Subscribe(subject, func(m *nats.Msg) { _ = m.Respond([]byte(text())) }); err != nil {
			t.Fatal(err)
		}
	}
	answer("$JS.API.INFO", func() string { return `{"type":"io.nats.jetstream.api.v1.account_info_response"}` })
	var asked atomic.Int64
	answer("$JS.API.STREAM.INFO.lab_EVENTS", func() string {
		leader, last := "", 3
		if asked.Add(1) > 3 {
			leader, last = "n2", 7
		}
		return fmt.Sprintf(`{"type":"io.nats.jetstream.api.v1.stream_info_response","config":{"name":"lab_EVENTS"},"cluster":{"name":"lab","leader":%q},"state":{"last_seq":%d}}`, leader, last)
	})
	require.NoError(t, nc.Flush())
	s, _ := reach(t, url, nil)
	state, err := s.Stream(ordered).State(t.Context())
	if err != nil || state.Last != 7 {
		t.Errorf("%+v %v", state, err)
	}
}

// Errors of the network are those after which a request is repeated.
func TestNetworkErrorsAreSilence(t *testing.T) {
	for _, err := range []error{&net.OpError{Op: "write", Err: io.ErrClosedPipe}, io.EOF, fmt.Errorf("publish: %w", io.EOF)} {
		if !isSilence(err) {
			t.Error(err)
		}
	}
	if isSilence(gateway.ErrChanged) {
		t.Error("changed is no silence")
	}
}

// A process that was stopped, and is late, is not told that something is stored which the next one does not know of, and that
// does not stay. What is told to be stored is before the mark of the next one.
func TestPutIsLate(t *testing.T) {
	url := serveNATS(t, true).ClientURL()
	first, _ := reach(t, url, nil)
	next, _ := reach(t, url, nil)
	outbox := Config{Name: "OUT", About: "outbox", Subjects: "out.>", RefuseNew: true, ConsumeOnce: true, MaxBytes: 1 << 20, MaxRecords: 2, TakeBack: true}
	open := func(s *Server) *Stream {
		st := s.Stream(outbox)
		require.NoError(t, st.Open(t.Context()))
		return st
	}
	old := open(first)
	at, err := old.Put(t.Context(), &Message{Subject: "out.a", ID: "1"})
	require.NoError(t, err)
	st := open(next)
	mark, err := st.Mark(t.Context())
	if err != nil || mark <= at {
		t.Errorf("the mark is at place %d, %v, and a record before it at %d", mark, err, at)
	}
	records := func() uint64 {
		t.Helper()
		state, err := st.State(t.Context())
		require.NoError(t, err)
		return state.Records
	}
	if n := records(); n != 1 {
		t.Errorf("%d records with a mark that is not needed any more", n)
	}
	first.engine.Load().remote.Keeps = func(context.Context) bool { return false }
	if _, err := old.Put(t.Context(), &Message{Subject: "out.a", ID: "2"}); !errors.Is(err, gateway.ErrSilent) {
		t.Errorf("it is told %v", err)
	}
	if n := records(); n != 1 {
		t.Errorf("%d records with a late one", n)
	}
	_, err = st.Put(t.Context(), &Message{Subject: "out.a", ID: "3"})
	require.NoError(t, err)
	if mark, err := st.Mark(t.Context()); err != nil || mark != math.MaxUint64 {
		t.Errorf("the mark of a full stream is %d, %v: its records would not count", mark, err)
	}
}
