package stream

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"stanzahook/pkg/gateway"
)

// ErrBroken means that a write failed, and nothing can be put for now.
var ErrBroken = fmt.Errorf("%w: the disk is full, or cannot be written", gateway.ErrFull)

// Config says what a stream holds.
type Config struct {
	Name, About string
	Subjects    string // a filter
	First       uint64 // place of the first record; 0: 1
	// MaxAge, MaxBytes and MaxRecords bound it; 0: no bound.
	MaxAge           time.Duration
	MaxBytes         int64
	MaxRecords       int64
	MaxPerSubject    int64 // records; with 1, a new one takes the place of the one before
	RefuseNew        bool  // at a bound, instead of the oldest going
	RefusePerSubject bool  // also at that of the subject
	ConsumeOnce      bool  // a record is removed when it was consumed; records with the same ID are one
	// KeyValue gives it the settings of a key-value bucket of NATS. A put waits for 5 s at
	// most; one that gets no answer fails alone and does not make the server broken.
	KeyValue bool
	// Sequenced: an external server gets all records by Append alone, each with the place
	// that it must have, and what is read from it decides: only the leader answers.
	Sequenced bool
	// TakeBack: an external server does not keep a record that was stored while another process may have read the
	// stream, of which its sender is told that nobody knows.
	TakeBack bool
}

// Stream is a stream of a server, whichever engine that has.
type Stream struct {
	s     *Server
	c     Config
	bound atomic.Pointer[binding]

	erasures erasures
}

// binding is a stream in an engine.
type binding struct {
	e      *engine
	stream jetstream.Stream
}

// Stream returns a stream, which need not be there yet.
func (s *Server) Stream(c Config) *Stream { return &Stream{s: s, c: c} }

// Open makes the stream, or brings its settings up to date.
//
// Killed before it returns: the stream is there or not, and is made by the next Open.
func (st *Stream) Open(ctx context.Context) error {
	c := jetstream.StreamConfig{
		Name:                 st.c.Name,
		Description:          st.c.About,
		Subjects:             []string{st.c.Subjects},
		Retention:            jetstream.LimitsPolicy,
		Storage:              jetstream.FileStorage,
		FirstSeq:             st.c.First,
		Discard:              jetstream.DiscardOld,
		DiscardNewPerSubject: st.c.RefusePerSubject,
		MaxAge:               st.c.MaxAge,
		MaxBytes:             st.c.MaxBytes,
		MaxMsgs:              st.c.MaxRecords,
		MaxMsgsPerSubject:    st.c.MaxPerSubject,
		AllowDirect:          true,
		// Not used, but the server reads at its start all that came within it.
		Duplicates: time.Second,
	}
	if st.c.RefuseNew {
		c.Discard = jetstream.DiscardNew
	}
	if st.c.ConsumeOnce {
		c.Retention, c.AllowDirect, c.Duplicates = jetstream.WorkQueuePolicy, false, 2*time.Minute
	}
	if st.c.KeyValue {
		c.AllowRollup, c.DenyDelete, c.Duplicates = true, true, 2*time.Minute
	}
	e := st.s.engine.Load()
	if e.remote != nil {
		return st.openRemote(ctx, e, c)
	}
	stream, err := e.js.CreateOrUpdateStream(ctx, c)
	if err != nil {
		return fmt.Errorf("open the %s: %w", st.c.About, err)
	}
	st.bound.Store(&binding{e, stream})
	return nil
}

// Remove removes the stream and all that is in it. It need not be there.
func (st *Stream) Remove(ctx context.Context) error {
	e := st.s.engine.Load()
	err := e.api(ctx, func(ctx context.Context) error { return e.js.DeleteStream(ctx, e.name(st.c.Name)) })
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	return err
}

// handle returns the stream in the engine of now.
func (st *Stream) handle(ctx context.Context) (jetstream.Stream, error) {
	e := st.s.engine.Load()
	if b := st.bound.Load(); b != nil && b.e == e {
		return b.stream, nil
	}
	stream, err := api(ctx, e, func(ctx context.Context) (jetstream.Stream, error) { return e.js.Stream(ctx, e.name(st.c.Name)) })
	if err != nil {
		return nil, err
	}
	st.bound.Store(&binding{e, stream})
	return stream, nil
}

// Header are the headers of a record.
type Header map[string][]string

// Get returns a header; empty if it is not there.
func (h Header) Get(name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// Message is what is put into a stream.
type Message struct {
	Subject string
	ID      string // of ConsumeOnce
	Header  Header
	Data    []byte
}

// Put puts a record into the stream, and returns its place when it is stored. It waits
// for 10 s (KeyValue: 5 s), or as long as ctx says.
//
// Errors: gateway.ErrFull; ErrBroken, also if nobody answers in time; that ctx was cancelled:
// then it is not known whether the record is stored.
func (st *Stream) Put(ctx context.Context, m *Message) (seq uint64, err error) {
	return st.put(ctx, m)
}

// Replace is Put where the last record of the subject is at a place; 0: there is none.
// Errors: those of Put, gateway.ErrChanged.
func (st *Stream) Replace(ctx context.Context, m *Message, last uint64) (seq uint64, err error) {
	return st.put(ctx, m, jetstream.WithExpectLastSequencePerSubject(last))
}

func (st *Stream) put(ctx context.Context, m *Message, opts ...jetstream.PublishOpt) (uint64, error) {
	if _, ok := ctx.Deadline(); !ok {
		timeout := putTimeout
		if st.c.KeyValue {
			timeout = keyValueTimeout
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	msg := &nats.Msg{Subject: m.Subject, Header: nats.Header(m.Header), Data: m.Data}
	if m.ID != "" {
		opts = append(opts, jetstream.WithMsgID(m.ID))
	}
	e := st.s.engine.Load()
	if e.remote != nil {
		return st.putRemote(ctx, e, m, opts)
	}
	ack, err := e.js.PublishMsg(ctx, msg, append(opts, jetstream.WithExpectStream(st.c.Name))...)
	var api *jetstream.APIError
	answered := errors.As(err, &api)
	switch {
	case err == nil:
		return ack.Sequence, nil
	case errors.Is(err, context.Canceled):
		return 0, err
	case errors.Is(err, nats.ErrMaxPayload), answered && len(m.Data) > st.s.o.MaxRecordBytes:
		return 0, fmt.Errorf("%w: %d bytes are too many for one record", gateway.ErrFull, len(m.Data))
	}
	if st.c.KeyValue && !answered {
		return 0, err
	}
	return 0, e.failure(err)
}

// failure tells a bound that was reached from an engine that is broken: a put that gets
// no answer at all means that its stream cannot write.
func (e *engine) failure(err error) error {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode {
		case jetstream.JSErrCodeStreamWrongLastSequence:
			return gateway.ErrChanged
		case 10077, // stream limits, of all or of one subject
			10023, // the account's storage
			10047: // no storage left
			return fmt.Errorf("%w: %s", gateway.ErrFull, api.Description)
		}
		return fmt.Errorf("store an event: %w", err)
	}
	e.fail()
	return ErrBroken
}

// Delete deletes a record. Errors: gateway.ErrNotFound.
//
// Killed before it returns: it may still be there. Killed later, an embedded server may have it again, if it
// was the last one in its file, and the file says what else was deleted: nats-server 2.15.3 writes down nowhere
// that such a record is deleted. So nobody may rely on it; SecureDeleteMsg would hold, but takes 8 ms.
func (st *Stream) Delete(ctx context.Context, seq uint64) error {
	stream, err := st.handle(ctx)
	if err != nil {
		return err
	}
	e := st.s.engine.Load()
	if err = e.api(ctx, func(ctx context.Context) error { return stream.DeleteMsg(ctx, seq) }); err == nil {
		return nil
	}
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return gateway.ErrNotFound
	}
	if e.remote != nil {
		if _, there := e.fromLeader(ctx, st.c.Name, ask{Seq: seq}); errors.Is(there, gateway.ErrNotFound) {
			return gateway.ErrNotFound
		}
		return err
	}
	if _, there := stream.GetMsg(ctx, seq); errors.Is(there, jetstream.ErrMsgNotFound) {
		return gateway.ErrNotFound
	}
	return err
}

// Purge deletes the records before a place (0: all), of one subject or, if it is empty, of
// all.
//
// Killed before it returns: some of them may still be there.
func (st *Stream) Purge(ctx context.Context, subject string, before uint64) error {
	stream, err := st.handle(ctx)
	if err != nil {
		return err
	}
	var opts []jetstream.StreamPurgeOpt
	if before > 0 {
		opts = append(opts, jetstream.WithPurgeSequence(before))
	}
	if subject != "" {
		opts = append(opts, jetstream.WithPurgeSubject(st.s.engine.Load().outer(subject)))
	}
	return st.s.engine.Load().api(ctx, func(ctx context.Context) error { return stream.Purge(ctx, opts...) })
}

// State is what a stream has.
type State struct {
	Records, Bytes uint64
	First, Last    uint64    // places; Last may be of a record that was deleted
	Oldest         time.Time // when the first was stored
	Made           time.Time // the stream
	Subjects       map[string]uint64
	Deleted        []uint64 // places between First and Last
}

func newState(info *jetstream.StreamInfo) State {
	s := &info.State
	return State{
		Records: s.Msgs, Bytes: s.Bytes, First: s.FirstSeq, Last: s.LastSeq, Oldest: s.FirstTime, Made: info.Created,
		Subjects: s.Subjects, Deleted: s.Deleted,
	}
}

// State returns what the stream has.
func (st *Stream) State(ctx context.Context) (State, error) { return st.state(ctx) }

// StateOf returns also how many records each of the subjects has.
func (st *Stream) StateOf(ctx context.Context, subjects string) (State, error) {
	return st.state(ctx, jetstream.WithSubjectFilter(st.s.engine.Load().outer(subjects)))
}

// Subjects returns the filter of all the stream's subjects.
func (st *Stream) Subjects() string { return st.c.Subjects }

// FullState returns also which places are empty.
func (st *Stream) FullState(ctx context.Context) (State, error) {
	return st.state(ctx, jetstream.WithSubjectFilter(st.s.engine.Load().outer(st.c.Subjects)), jetstream.WithDeletedDetails(true))
}

func (st *Stream) state(ctx context.Context, opts ...jetstream.StreamInfoOpt) (State, error) {
	stream, err := st.handle(ctx)
	if err != nil {
		return State{}, err
	}
	e := st.s.engine.Load()
	info, err := api(ctx, e, func(ctx context.Context) (*jetstream.StreamInfo, error) {
		info, err := stream.Info(ctx, opts...)
		if err == nil && e.remote != nil && info.Cluster != nil && info.Cluster.Leader == "" {
			return nil, nats.ErrNoResponders // of a server that may not know everything
		}
		return info, err
	})
	if err != nil {
		return State{}, err
	}
	state := newState(info)
	if e.remote != nil && state.Subjects != nil {
		inner := make(map[string]uint64, len(state.Subjects))
		for subject, n := range state.Subjects {
			inner[e.inner(subject)] = n
		}
		state.Subjects = inner
	}
	return state, nil
}
