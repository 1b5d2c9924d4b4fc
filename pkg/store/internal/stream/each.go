package stream

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// eachWait is how long Each waits for the next records.
const eachWait = 30 * time.Second

// Each shows the records of a subject that are there, the oldest first, until visit returns an
// error. An empty subject means all. bare leaves out what they hold; size is how much that is. Of an external server, it is
// for streams with a record a subject.
//
// Records may go, and others come, meanwhile.
func (st *Stream) Each(ctx context.Context, subject string, bare bool, visit func(r *Record, at time.Time, size int) error) error {
	if e := st.s.engine.Load(); e.remote != nil {
		return st.eachOfLeader(ctx, e, cmp.Or(subject, st.c.Subjects), visit)
	}
	left, err := st.records(ctx, subject)
	if err != nil || left == 0 {
		return err
	}
	stream, err := st.handle(ctx)
	if err != nil {
		return err
	}
	c := jetstream.OrderedConsumerConfig{HeadersOnly: bare}
	if subject != "" {
		c.FilterSubjects = []string{subject}
	}
	all, err := stream.OrderedConsumer(ctx, c)
	if err != nil {
		return err
	}
	progress := time.Now()
	for last := uint64(0); ; {
		// A batch of no more than there are ends with its last record, and does not wait.
		seen, after, err := st.visitBatch(all, int(min(maxPage, left)), bare, visit)
		switch {
		case err != nil:
			return err
		case seen > 0 && after == 0:
			return nil
		case seen > 0:
			last, left, progress = seen, after, time.Now()
			continue
		}
		// None came: those that were left have gone, or the server takes its time.
		switch next, err := st.single(ctx, subject, last+1); {
		case err != nil:
			return err
		case len(next) == 0:
			return nil
		case time.Since(progress) > eachWait:
			return errors.New("not all records came")
		}
	}
}

// records returns how many records of a subject there are.
func (st *Stream) records(ctx context.Context, subject string) (n uint64, err error) {
	if subject == "" {
		state, err := st.State(ctx)
		return state.Records, err
	}
	state, err := st.StateOf(ctx, subject)
	for _, of := range state.Subjects {
		n += of
	}
	return n, err
}

// visitBatch shows the next n records, or fewer, and returns the place of the last one (0:
// none came) and how many follow.
func (st *Stream) visitBatch(all jetstream.Consumer, n int, bare bool, visit func(r *Record, at time.Time, size int) error) (last, left uint64, err error) {
	batch, err := all.FetchNoWait(n)
	if err != nil {
		return 0, 0, err
	}
	for m := range batch.Messages() {
		meta, err := m.Metadata()
		if err != nil {
			return 0, 0, err
		}
		last, left = meta.Sequence.Stream, meta.NumPending
		size := len(m.Data())
		if bare {
			size, _ = strconv.Atoi(m.Headers().Get(nats.MsgSize))
		}
		if isErased(m.Headers()) {
			st.erasures.note(m.Subject(), last)
			continue
		}
		r := Record{m.Subject(), meta.Sequence.Stream, m.Data(), Header(m.Headers())}
		if err := visit(&r, meta.Timestamp, size); err != nil {
			return 0, 0, err
		}
	}
	return last, left, batch.Error()
}
