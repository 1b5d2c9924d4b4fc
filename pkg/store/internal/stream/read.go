package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"stanzahook/pkg/gateway"
)

const (
	pageBytes = 8 << 20 // after which a page ends early
	walkPage  = 256     // records that are read, and held, at a time
	walkSpan  = 1 << 22 // places looked at together at most, where nearly all are empty
	maxPage   = 1000    // records of a page
	// maxAnswers is how many answers to a request may wait. The room for them is made with
	// each request, so it should be small; what exceeds it is lost.
	maxAnswers = 1024
)

// Record is a record of a stream.
type Record struct {
	Subject string
	Seq     uint64 // its place
	Data    []byte
	Header  Header
}

// Time returns when the record was stored; of records that Page and Walk have read.
func (r *Record) Time() time.Time {
	t, _ := time.Parse(time.RFC3339Nano, r.Header.Get("Nats-Time-Stamp")) // as the server writes it
	return t
}

// Last returns the last record of a subject. Errors: gateway.ErrNotFound.
func (st *Stream) Last(ctx context.Context, subject string) (Record, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if e := st.s.engine.Load(); e.remote != nil {
		r, err := e.fromLeader(ctx, st.c.Name, ask{LastFor: subject})
		if err == nil && r.Header.Get(operationHeader) != "" {
			return Record{}, gateway.ErrNotFound
		}
		return r, err
	}
	stream, err := st.handle(ctx)
	if err != nil {
		return Record{}, err
	}
	m, err := stream.GetLastMsgForSubject(ctx, subject)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound), err == nil && isErased(m.Header):
		return Record{}, gateway.ErrNotFound
	case err != nil:
		return Record{}, err
	}
	return Record{m.Subject, m.Sequence, m.Data, Header(m.Header)}, nil
}

// ask is a get of JetStream, which the client library has no call for.
type ask struct {
	Seq      uint64 `json:"seq,omitempty"`
	Subject  string `json:"next_by_subj,omitempty"`
	LastFor  string `json:"last_by_subj,omitempty"` // not of a batch
	Batch    int    `json:"batch,omitempty"`
	MaxBytes int    `json:"max_bytes,omitempty"`
	// LastOf are subjects of which the last records are wanted.
	LastOf []string `json:"multi_last,omitempty"`
}

// Page reads records from a place on, n or fewer, and maxPage at most; none if there are
// none. An empty subject means all.
func (st *Stream) Page(ctx context.Context, subject string, from uint64, n int) ([]Record, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if e := st.s.engine.Load(); e.remote != nil && st.c.Sequenced {
		return st.pageOfLeader(ctx, e, subject, from, math.MaxUint64, min(n, maxPage), nil)
	}
	if n == 1 {
		return st.single(ctx, subject, from)
	}
	list, err := st.batch(ctx, ask{Seq: from, Subject: subject, Batch: min(n, maxPage), MaxBytes: pageBytes})
	if err != nil {
		return nil, fmt.Errorf("read from the store: %w", err)
	}
	return list, nil
}

// PageOf is Page of the records up to a place that are wanted: of an external server, no others are asked of the
// leader.
func (st *Stream) PageOf(ctx context.Context, subject string, from, upTo uint64, n int, wanted func(place uint64) bool) ([]Record, error) {
	if e := st.s.engine.Load(); e.remote != nil && st.c.Sequenced {
		ctx, cancel := context.WithTimeout(ctx, readTimeout)
		defer cancel()
		return st.pageOfLeader(ctx, e, subject, from, upTo, min(n, maxPage), wanted)
	}
	for from <= upTo {
		list, err := st.Page(ctx, subject, from, n)
		if err != nil || len(list) == 0 {
			return nil, err
		}
		from = list[len(list)-1].Seq + 1
		if list = slices.DeleteFunc(list, func(r Record) bool { return r.Seq > upTo || !wanted(r.Seq) }); len(list) > 0 {
			return list, nil
		}
	}
	return nil, nil
}

// Count returns how many records of a subject there are.
func (st *Stream) Count(ctx context.Context, subject string) (int, error) {
	counts, err := st.Counts(ctx, []string{subject})
	if err != nil {
		return 0, err
	}
	return counts[0], nil
}

// countWindow bounds the counts that are asked for at a time. The first record comes with
// each, and is held.
const countWindow = 32

// Counts returns how many records of each subject there are.
func (st *Stream) Counts(ctx context.Context, subjects []string) ([]int, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	counts := make([]int, 0, len(subjects))
	for some := range slices.Chunk(subjects, countWindow) {
		asks := make([]ask, len(some))
		for i, subject := range some {
			asks[i] = ask{Seq: 1, Subject: subject, Batch: 1, MaxBytes: pageBytes}
		}
		answers, err := st.batches(ctx, asks)
		if err != nil {
			return nil, fmt.Errorf("read from the store: %w", err)
		}
		for _, list := range answers {
			n := 0
			if len(list) > 0 {
				left, _ := strconv.Atoi(list[0].Header.Get("Nats-Num-Pending")) // 0 where it is not said
				n = 1 + left
			}
			counts = append(counts, n)
		}
	}
	return counts, nil
}

// single reads one record. For a batch the server counts what follows, over the
// whole stream, and takes all of that into memory.
func (st *Stream) single(ctx context.Context, subject string, from uint64) ([]Record, error) {
	e := st.s.engine.Load()
	request, err := json.Marshal(ask{Seq: from, Subject: e.outer(subject)})
	if err != nil {
		return nil, fmt.Errorf("read from the store: %w", err)
	}
	m, err := api(ctx, e, func(ctx context.Context) (*nats.Msg, error) {
		return e.nc.RequestWithContext(ctx, "$JS.API.DIRECT.GET."+e.name(st.c.Name), request)
	})
	if err != nil {
		return nil, fmt.Errorf("read from the store: %w", err)
	}
	r, end, err := e.readRecord(m)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read from the store: %w", err)
	case end:
		return nil, nil
	}
	return []Record{r}, nil
}

// batch reads many records with one request.
func (st *Stream) batch(ctx context.Context, a ask) ([]Record, error) {
	answers, err := st.batches(ctx, []ask{a})
	if err != nil {
		return nil, err
	}
	return answers[0], nil
}

// batches reads the records of several requests, which wait for their answers together.
func (st *Stream) batches(ctx context.Context, asks []ask) (answers [][]Record, err error) {
	e := st.s.engine.Load()
	return api(ctx, e, func(ctx context.Context) ([][]Record, error) { return st.batchesOnce(ctx, e, asks) })
}

func (st *Stream) batchesOnce(ctx context.Context, e *engine, asks []ask) ([][]Record, error) {
	nc, inbox := e.nc, e.nc.NewInbox()+"."
	sub, err := nc.SubscribeSync(inbox + "*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = sub.Unsubscribe() }() // the connection is gone, or it is
	for i, a := range asks {
		a.Subject = e.outer(a.Subject)
		request, err := json.Marshal(a)
		if err == nil {
			err = nc.PublishRequest("$JS.API.DIRECT.GET."+e.name(st.c.Name), inbox+strconv.Itoa(i), request)
		}
		if err != nil {
			return nil, err
		}
	}
	answers := make([][]Record, len(asks))
	for left := len(asks); left > 0; {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return nil, err
		}
		r, end, err := e.readRecord(m)
		i, wrong := strconv.Atoi(strings.TrimPrefix(m.Subject, inbox))
		switch {
		case err != nil:
			return nil, err
		case wrong != nil || i >= len(asks):
			return nil, fmt.Errorf("an answer to %q was not asked for", m.Subject)
		case end:
			left--
		default:
			answers[i] = append(answers[i], r)
		}
	}
	return answers, nil
}

// readRecord reads an answer to a direct get.
func (e *engine) readRecord(m *nats.Msg) (r Record, end bool, err error) {
	switch status := m.Header.Get("Status"); status {
	case "":
		// A copy: who keeps a part of the subject would keep all headers.
		r = Record{Subject: strings.Clone(e.inner(m.Header.Get("Nats-Subject"))), Data: m.Data, Header: Header(m.Header)}
		r.Seq, err = strconv.ParseUint(m.Header.Get("Nats-Sequence"), 10, 64)
		return r, false, err
	case "204", "404": // the end; nothing there
		return r, true, nil
	case "503":
		return r, false, nats.ErrNoResponders
	default:
		return r, false, fmt.Errorf("%s %s", status, m.Header.Get("Description"))
	}
}

// Walk shows the records below a place (0: all), the newest first, until visit returns
// false. It holds a page of them at a time. An empty subject means all.
func (st *Stream) Walk(ctx context.Context, subject string, before uint64, visit func(*Record) bool) error {
	state, err := st.State(ctx)
	if err != nil {
		return fmt.Errorf("read from the store: %w", err)
	}
	high := state.Last + 1
	if before > 0 {
		high = min(high, before)
	}
	first := max(1, state.First)
	for span := uint64(walkPage); high > first; {
		low := max(first, high-min(span, high))
		page, more, err := st.between(ctx, subject, low, high)
		if err != nil {
			return err
		}
		for i := range slices.Backward(page) {
			if !visit(&page[i]) {
				return nil
			}
		}
		switch {
		case more: // those before the page have not been seen
			high, span = page[0].Seq, walkPage
		case len(page) < walkPage/2:
			high, span = low, min(2*span, walkSpan)
		default:
			high = low
		}
	}
	return nil
}

// between returns the last records from low up to high, at most a page; more
// means that there are others before them.
func (st *Stream) between(ctx context.Context, subject string, low, high uint64) (list []Record, more bool, err error) {
	bytes := 0
	for low < high {
		page, err := st.Page(ctx, subject, low, walkPage)
		if err != nil {
			return nil, false, err
		}
		for _, m := range page {
			if m.Seq >= high {
				return list, more, nil
			}
			low = m.Seq + 1
			list, bytes = append(list, m), bytes+len(m.Data)
			for len(list) > walkPage || len(list) > 1 && bytes > 2*pageBytes {
				bytes -= len(list[0].Data)
				list[0] = Record{}
				list, more = list[1:], true
			}
		}
		if len(page) == 0 {
			break
		}
	}
	return list, more, nil
}
