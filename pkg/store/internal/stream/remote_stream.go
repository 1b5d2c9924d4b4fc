package stream

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
)

// kvToken is how the subjects of all buckets begin.
const kvToken = "$KV"

// openRemote makes the stream on an external server, or brings its settings up to date.
func (st *Stream) openRemote(ctx context.Context, e *engine, c jetstream.StreamConfig) error {
	c.Name, c.Subjects, c.Replicas = e.name(c.Name), []string{e.outer(st.c.Subjects)}, e.remote.Replicas
	if st.c.KeyValue && c.MaxBytes == 0 {
		c.MaxBytes = BucketBytes(st.s.o.MaxBytes)
	}
	switch {
	case st.c.Sequenced:
		// A refusal in the middle of those under way would hold up all behind it: the
		// store bounds conversations itself.
		c.MaxMsgsPerSubject, c.DiscardNewPerSubject = 0, false
	case !st.c.ConsumeOnce:
		c.Duplicates = dedupeFor
	}
	if c.MaxAge > 0 {
		c.Duplicates = min(c.Duplicates, c.MaxAge)
	}
	stream, err := e.makeStream(ctx, c)
	if err != nil {
		return fmt.Errorf("open the %s (stream %s): %w", st.c.About, c.Name, explain(err))
	}
	st.bound.Store(&binding{e, stream})
	st.s.mu.Lock()
	if !slices.Contains(st.s.open, st) {
		st.s.open = append(slices.Clone(st.s.open), st)
	}
	st.s.mu.Unlock()
	token, _, _ := strings.Cut(st.c.Subjects, ".")
	next := uint64(0)
	if st.c.Sequenced {
		if next, err = st.fence(ctx, e, token); err != nil {
			return fmt.Errorf("open the %s (stream %s): %w", st.c.About, c.Name, explain(err))
		}
	}
	if token == kvToken { // the streams of buckets have no appends
		return nil
	}
	return e.follow(token, st.c.Name, next)
}

// fenceWidth is how many records a fence has. One would not do: of the appends that another
// process has under way, the second expects the place that the fence has, and would be
// stored behind it. All of them expect places that a fence of this width has taken.
const fenceWidth = inFlight + 1

// fence writes records after the last one, removes them, and returns the place after them.
// Whoever wrote into the stream before can put nothing into it any more, whatever of it is
// still under way, and what is read from now on is complete.
//
// A process that was stopped while it opened the stream, and is late, must not fence off the one
// that has the role by now. So each fence goes behind a place that was known before Remote.Holds
// was asked: where another one has put its fence meanwhile, that place is taken, and where it had
// put it before, the role was not ours any more.
//
// Killed before it returns: fence records may be there; the next one removes them.
func (st *Stream) fence(ctx context.Context, e *engine, token string) (next uint64, err error) {
	subject := token + "._.fence"
	for next == 0 {
		state, err := st.State(ctx)
		if err != nil {
			return 0, err
		}
		if err := e.holds(ctx); err != nil {
			return 0, err
		}
		once, cancel := context.WithTimeout(ctx, apiTimeout)
		next, err = st.fenceAfter(once, e, e.outer(subject), state.Last)
		cancel()
		if err == nil {
			break
		}
		next = 0
		if isFull(err) { // of its own records, perhaps
			_ = st.Purge(ctx, subject, 0)
		}
		if !isWrongLast(err) && !isSilence(err) {
			return 0, err
		}
		select {
		case <-time.After(apiPause):
		case <-ctx.Done():
			return 0, errors.Join(err, ctx.Err())
		}
	}
	return next, st.Purge(ctx, subject, 0)
}

// fenceAfter writes a fence behind a place. The first of its records has to get the very
// next one: then what another process has under way expects places of the fence alone. Each
// of the others expects the one before, so the last one is stored only if the places between
// are taken.
//
// If a process is faster, records behind where the stream is now stop it, and the error
// says that the last place was another one.
func (st *Stream) fenceAfter(ctx context.Context, e *engine, subject string, last uint64) (next uint64, err error) {
	first, err := e.fencePost(ctx, subject, last)
	overtaken := err
	switch {
	case err == nil && first == last+1:
		last = first
	case err == nil:
		return 0, fmt.Errorf("a fence record is at place %d and not %d", first, last+1)
	case isWrongLast(err) && lastOf(err) > 0:
		last = lastOf(err)
		if err := e.holds(ctx); err != nil {
			return 0, err
		}
	default:
		return 0, err
	}
	for i := range uint64(fenceWidth - 2) {
		if err := e.nc.PublishMsg(fenceRecord(subject, last+i)); err != nil {
			return 0, err
		}
	}
	next, err = e.fencePost(ctx, subject, last+fenceWidth-2)
	if overtaken != nil {
		return 0, overtaken
	}
	return next + 1, err
}

// holds returns why this process must not put a fence; nil: it may.
func (e *engine) holds(ctx context.Context) error {
	if e.remote.Holds == nil {
		return nil
	}
	return e.remote.Holds(ctx)
}

// fencePost writes a fence record behind a place, and returns its own.
func (e *engine) fencePost(ctx context.Context, subject string, last uint64) (uint64, error) {
	answer, err := e.nc.RequestMsgWithContext(ctx, fenceRecord(subject, last))
	if err != nil {
		return 0, err
	}
	return readAck(answer)
}

func fenceRecord(subject string, last uint64) *nats.Msg {
	return &nats.Msg{Subject: subject, Header: nats.Header{jetstream.ExpectedLastSeqHeader: {strconv.FormatUint(last, 10)}}}
}

// putRemote is put into an external server. It is repeated until it is answered: the server
// knows a record that it has by its id.
func (st *Stream) putRemote(ctx context.Context, e *engine, m *Message, opts []jetstream.PublishOpt) (uint64, error) {
	if len(m.Data) > st.s.o.MaxRecordBytes {
		return 0, fmt.Errorf("%w: %d bytes are too many for one record", gateway.ErrFull, len(m.Data))
	}
	id := m.ID
	if id == "" {
		id = ulid.Make().String()
	}
	opts = append(opts, jetstream.WithExpectStream(e.name(st.c.Name)), jetstream.WithMsgID(id))
	var tries atomic.Int64
	ack, err := api(ctx, e, func(ctx context.Context) (*jetstream.PubAck, error) {
		tries.Add(1)
		msg := &nats.Msg{Subject: e.outer(m.Subject), Header: make(nats.Header, len(m.Header)+3), Data: m.Data} // it is given more headers
		for name, values := range m.Header {
			msg.Header[name] = values
		}
		return e.js.PublishMsg(ctx, msg, opts...)
	})
	switch {
	case err == nil:
		return st.told(ctx, e, ack.Sequence)
	case errors.Is(err, context.Canceled):
		return 0, err
	case isWrongLast(err) && tries.Load() > 1: // by the try before, whose answer was lost?
		if r, err := e.fromLeader(ctx, st.c.Name, ask{LastFor: m.Subject}); err == nil && r.Header.Get(jetstream.MsgIDHeader) == id {
			return st.told(ctx, e, r.Seq)
		}
		return 0, gateway.ErrChanged
	case isFull(err) && tries.Load() > 1: // an earlier try may be stored
		return 0, errSilent
	case isSilence(err), errors.Is(err, context.DeadlineExceeded):
		return 0, errSilent
	}
	return 0, failure(err)
}

// told returns the place of a record that is stored, if its sender may be told so.
func (st *Stream) told(ctx context.Context, e *engine, seq uint64) (uint64, error) {
	if !e.keeps(ctx) {
		st.takeBack(ctx, seq)
		return 0, errSilent
	}
	return seq, nil
}

// keeps reports whether no other process can have read before what is stored now.
func (e *engine) keeps(ctx context.Context) bool { return e.remote.Keeps == nil || e.remote.Keeps(ctx) }

// takeBack removes a record that nobody is told is stored, where it would come up late: at the next start, perhaps days
// later. That is tried once.
func (st *Stream) takeBack(ctx context.Context, seq uint64) {
	if !st.c.TakeBack {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), apiTimeout)
	defer cancel()
	if err := st.Delete(ctx, seq); err != nil && !errors.Is(err, gateway.ErrNotFound) {
		st.s.o.Log.Warn("a record that was stored late is not removed", zap.String("stream", st.c.Name), zap.Uint64("place", seq), zap.Error(explain(err)))
	}
}

// markSubject is that of marks, behind the first token.
const markSubject = "._.mark"

// Mark returns a place: what earlier processes have been told is stored is not behind it. What they put later, as they were
// stopped meanwhile, is. Of a stream that is full it is the last place that there can be, so that nothing counts as late.
//
// Killed before it returns: its record may be there; the next one removes it.
func (st *Stream) Mark(ctx context.Context) (uint64, error) {
	e := st.s.engine.Load()
	if e.remote == nil { // there is no other process
		state, err := st.State(ctx)
		return state.Last, err
	}
	token, _, _ := strings.Cut(st.c.Subjects, ".")
	m := &Message{Subject: token + markSubject, ID: ulid.Make().String()} // of one id: it is stored once
	for {
		seq, err := st.Put(ctx, m)
		switch {
		case err == nil:
			if err := st.Purge(ctx, m.Subject, 0); err != nil {
				st.s.o.Log.Warn("a mark is not removed", zap.String("stream", st.c.Name), zap.Error(explain(err)))
			}
			return seq, nil
		case errors.Is(err, gateway.ErrFull) && !errors.Is(err, ErrBroken):
			return math.MaxUint64, nil // nobody can put anything, for now
		case !errors.Is(err, errSilent):
			return 0, err
		}
		pause(ctx, apiPause)
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
}
