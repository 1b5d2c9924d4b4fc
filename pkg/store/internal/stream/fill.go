package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"stanzahook/pkg/gateway"
)

// What the copy of a store needs: to read all of a stream, and to fill another one with
// that.

const (
	fillCount = 256     // records under way at a time
	fillBytes = 4 << 20 // of these
	// fillPatience is how long nothing may be stored before it is given up.
	fillPatience = time.Minute
)

// ErrForeign means that somebody else has written into a stream.
var ErrForeign = errors.New("another process writes into it")

// Exists reports whether the stream is there.
func (st *Stream) Exists(ctx context.Context) (bool, error) {
	e := st.s.engine.Load()
	err := e.api(ctx, func(ctx context.Context) error {
		_, err := e.js.Stream(ctx, e.name(st.c.Name))
		return err
	})
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return false, nil
	}
	if err != nil {
		return false, explain(err)
	}
	return true, nil
}

// InUse reports whether a process consumes the records of a stream.
func (s *Server) InUse(ctx context.Context, name string) (bool, error) {
	f, err := s.engine.Load().probeUse(ctx, name)
	return f.InUse, err
}

// Heard reports whether a process says something to all within a time. Errors say also that what is
// said is not heard here.
func (s *Server) Heard(ctx context.Context, subject string, within time.Duration) (bool, error) {
	f, err := s.engine.Load().probeReplicas(ctx, subject, within)
	return f.InUse, err
}

// Bounds returns how many bytes and records the stream may have; 0: no bound.
func (st *Stream) Bounds() (bytes, records int64) {
	if bytes = st.c.MaxBytes; bytes == 0 && st.c.KeyValue && st.s.engine.Load().remote != nil {
		bytes = BucketBytes(st.s.o.MaxBytes)
	}
	return bytes, st.c.MaxRecords
}

// Read is Page of any stream, of which nothing is missing.
func (st *Stream) Read(ctx context.Context, subject string, from uint64, n int) ([]Record, error) {
	e := st.s.engine.Load()
	if e.remote == nil && !st.c.ConsumeOnce {
		return st.Page(ctx, subject, from, n)
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if st.c.ConsumeOnce {
		return st.oneByOne(ctx, e, subject, from, n)
	}
	return st.pageOfLeader(ctx, e, subject, from, math.MaxUint64, min(n, maxPage), nil)
}

// Message returns what a record was put as, but for its subject; false if it stands for
// none.
func (st *Stream) Message(r *Record) (m Message, ok bool) {
	if r.Header.Get(operationHeader) != "" || strings.HasSuffix(r.Subject, markSubject) {
		return Message{}, false
	}
	m = Message{Data: r.Data}
	if st.c.ConsumeOnce {
		m.ID = r.Header.Get(jetstream.MsgIDHeader)
	}
	for name, values := range r.Header {
		if strings.HasPrefix(name, "Nats-") {
			continue // of the server
		}
		if m.Header == nil {
			m.Header = make(Header)
		}
		m.Header[name] = values
	}
	return m, true
}

// Fill puts records behind the last one of the stream, which is at a place, in their order,
// and returns the place of the last one that is stored.
//
// Killed before it returns: a part of them is stored, from the first one on. Errors:
// gateway.ErrFull, ErrForeign.
func (st *Stream) Fill(ctx context.Context, list []Message, last uint64) (uint64, error) {
	e := st.s.engine.Load()
	for stored := time.Now(); len(list) > 0; {
		n, err := st.fillSome(ctx, e, list, last)
		if list, last = list[n:], last+uint64(n); n > 0 {
			stored = time.Now()
		}
		switch {
		case err == nil:
			continue
		case ctx.Err() != nil:
			return last, ctx.Err()
		case time.Since(stored) > fillPatience:
			return last, explain(err)
		case !isSilence(err) && !isWrongLast(err):
			return last, failure(err)
		}
		pause(ctx, apiPause)
		// Answers may be lost: the leader knows what is stored.
		before := len(list)
		if list, last, err = st.isStored(ctx, list, last); err != nil {
			return last, err
		}
		if len(list) < before {
			stored = time.Now()
		}
	}
	return last, nil
}

// isStored takes those out of list that are stored behind a place, and returns the others
// and the last place of the stream.
func (st *Stream) isStored(ctx context.Context, list []Message, last uint64) ([]Message, uint64, error) {
	state, err := st.State(ctx)
	if err != nil {
		return list, last, err
	}
	if state.Last == last {
		return list, last, nil
	}
	page, err := st.Read(ctx, "", last+1, len(list)+1)
	if err != nil {
		return list, last, err
	}
	for i := range page {
		if i == len(list) || page[i].Seq != last+1 || !list[i].Is(&page[i]) {
			return list, last, ErrForeign
		}
		last++
	}
	return list[len(page):], last, nil
}

// Is reports whether a record is that of a message.
func (m *Message) Is(r *Record) bool { return r.Subject == m.Subject && bytes.Equal(r.Data, m.Data) }

// fillSome puts the first records of list, each behind the one before, and returns how many
// are stored for certain.
func (st *Stream) fillSome(ctx context.Context, e *engine, list []Message, last uint64) (stored int, err error) {
	ctx, cancel := context.WithTimeout(ctx, putTimeout)
	defer cancel()
	sub, err := e.nc.SubscribeSync(e.nc.NewInbox())
	if err != nil {
		return 0, err
	}
	defer func() { _ = sub.Unsubscribe() }() // the connection is gone, or it is
	n, size := 0, 0
	for ; n < len(list) && n < fillCount && size < fillBytes; n++ {
		m := &list[n]
		header := make(nats.Header, len(m.Header)+2)
		maps.Copy(header, nats.Header(m.Header))
		header[jetstream.ExpectedLastSeqHeader] = []string{strconv.FormatUint(last+uint64(n), 10)}
		if m.ID != "" {
			header[jetstream.MsgIDHeader] = []string{m.ID}
		}
		if err := e.nc.PublishMsg(&nats.Msg{Subject: e.outer(m.Subject), Reply: sub.Subject, Header: header, Data: m.Data}); err != nil {
			return 0, err
		}
		size += len(m.Data)
	}
	for stored < n {
		answer, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return 0, err
		}
		if answer.Header.Get("Status") == "503" {
			return stored, nats.ErrNoResponders
		}
		seq, err := readAck(answer)
		if err != nil {
			return stored, err // those behind it are refused, too
		}
		if seq != last+uint64(stored)+1 {
			return 0, fmt.Errorf("record %d of stream %s was put at place %d: %w", last+uint64(stored)+1, st.c.Name, seq, ErrForeign)
		}
		stored++
	}
	return stored, nil
}

// oneByOne is Page of a stream that has no direct get.
func (st *Stream) oneByOne(ctx context.Context, e *engine, subject string, from uint64, n int) (list []Record, err error) {
	if subject == "" {
		subject = st.c.Subjects
	}
	for len(list) < n {
		r, err := e.fromLeader(ctx, st.c.Name, ask{Seq: from, Subject: subject})
		if errors.Is(err, gateway.ErrNotFound) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read from the store: %w", err)
		}
		list, from = append(list, r), r.Seq+1
	}
	return list, nil
}

// LastPlace returns the place of the last record of a filter of subjects. Errors:
// gateway.ErrNotFound.
func (st *Stream) LastPlace(ctx context.Context, subjects string) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	r, err := st.s.engine.Load().fromLeader(ctx, st.c.Name, ask{LastFor: subjects})
	return r.Seq, err
}
