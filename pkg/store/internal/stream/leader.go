package stream

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"stanzahook/pkg/gateway"
)

// Of an external server with several replicas, a direct get is answered by any of them:
// one of many misses what was just stored, or has what was just removed. So what decides
// anything is asked of the leader, one record with each request.

// leaderReads is how many records are asked of the leader together.
const leaderReads = 64

// leaderAnswer is what the leader answers to a request for one record.
type leaderAnswer struct {
	Error   *jetstream.APIError `json:"error"`
	Message *struct {
		Subject string    `json:"subject"`
		Seq     uint64    `json:"seq"`
		Header  []byte    `json:"hdrs"`
		Data    []byte    `json:"data"`
		Time    time.Time `json:"time"`
	} `json:"message"`
}

// fromLeader reads one record of a stream. Errors: gateway.ErrNotFound.
func (e *engine) fromLeader(ctx context.Context, stream string, a ask) (Record, error) {
	a.Subject, a.LastFor = e.outer(a.Subject), e.outer(a.LastFor)
	request, err := json.Marshal(a)
	if err != nil {
		return Record{}, err
	}
	answer, err := api(ctx, e, func(ctx context.Context) (*leaderAnswer, error) {
		m, err := e.nc.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+e.name(stream), request)
		if err != nil {
			return nil, err
		}
		answer := &leaderAnswer{}
		if err := json.Unmarshal(m.Data, answer); err != nil {
			return nil, err
		}
		if answer.Error != nil {
			return nil, answer.Error
		}
		return answer, nil
	})
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return Record{}, gateway.ErrNotFound
	case err != nil:
		return Record{}, err
	case answer.Message == nil:
		return Record{}, errors.New("the leader's answer has no record in it")
	}
	m := answer.Message
	header := nats.Header{}
	if len(m.Header) > 0 {
		if header, err = nats.DecodeHeadersMsg(m.Header); err != nil {
			return Record{}, err
		}
	}
	header["Nats-Time-Stamp"] = []string{m.Time.Format(time.RFC3339Nano)} // as a direct get has it
	return Record{Subject: e.inner(m.Subject), Seq: m.Seq, Data: m.Data, Header: Header(header)}, nil
}

// eachFromLeader reads several records together; those that are not there are left out.
func (e *engine) eachFromLeader(ctx context.Context, stream string, asks []ask) ([]Record, error) {
	records, failed := make([]Record, len(asks)), make([]error, len(asks))
	free := make(chan struct{}, leaderReads)
	var wg sync.WaitGroup
	for i := range asks {
		free <- struct{}{}
		wg.Go(func() {
			records[i], failed[i] = e.fromLeader(ctx, stream, asks[i])
			<-free
		})
	}
	wg.Wait()
	for _, err := range failed {
		if err != nil && !errors.Is(err, gateway.ErrNotFound) {
			return nil, err
		}
	}
	return slices.DeleteFunc(records, func(r Record) bool { return r.Seq == 0 }), nil
}

// pageOfLeader is Page, as the leader has it. Where records are is asked of any replica,
// which may be behind: it knows those up to some place. The leader has the rest. Nothing is read behind upTo, nor what
// is not wanted; wanted may be nil: everything is.
func (st *Stream) pageOfLeader(ctx context.Context, e *engine, subject string, from, upTo uint64, n int, wanted func(place uint64) bool) ([]Record, error) {
	var list []Record
	skip := func(place uint64) bool { return place > upTo || wanted != nil && !wanted(place) }
	for n > 1 && len(list) == 0 && from <= upTo {
		some, err := st.batch(ctx, ask{Seq: from, Subject: subject, Batch: n, MaxBytes: pageBytes})
		if err != nil || len(some) == 0 {
			break // one by one
		}
		asks := make([]ask, 0, len(some))
		for i := range some {
			if !skip(some[i].Seq) {
				asks = append(asks, ask{Seq: some[i].Seq})
			}
		}
		if list, err = e.eachFromLeader(ctx, st.c.Name, asks); err != nil {
			return nil, fmt.Errorf("read from the store: %w", err)
		}
		last := &some[len(some)-1]
		if from = last.Seq + 1; last.Header.Get("Nats-Num-Pending") == "0" {
			break
		}
		if len(list) > 0 {
			return list, nil
		}
	}
	for len(list) < n && from <= upTo {
		r, err := e.fromLeader(ctx, st.c.Name, ask{Seq: from, Subject: cmp.Or(subject, st.c.Subjects)})
		if errors.Is(err, gateway.ErrNotFound) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read from the store: %w", err)
		}
		if from = r.Seq + 1; !skip(r.Seq) {
			list = append(list, r)
		}
	}
	return list, nil
}

// eachOfLeader is Each of a stream with a record a subject, as the leader has it.
func (st *Stream) eachOfLeader(ctx context.Context, e *engine, subject string, visit func(r *Record, at time.Time, size int) error) error {
	state, err := st.StateOf(ctx, subject)
	if err != nil {
		return err
	}
	all := make([]Record, 0, len(state.Subjects))
	for some := range slices.Chunk(slices.Collect(maps.Keys(state.Subjects)), maxPage) {
		list, err := st.lastOf(ctx, e, some, state.Last)
		if err != nil {
			return err
		}
		all = append(all, list...)
	}
	slices.SortFunc(all, func(a, b Record) int { return cmp.Compare(a.Seq, b.Seq) })
	for i := range all {
		r := &all[i]
		if r.Header.Get(operationHeader) != "" {
			st.erasures.note(r.Subject, r.Seq)
			continue
		}
		if err := visit(r, r.Time(), len(r.Data)); err != nil {
			return err
		}
	}
	return nil
}

// lastOf reads the only record of each of some subjects, maxPage at most, that the leader has named when it was at a
// place. Any replica that has come to that place as well gives them together: an upsert is a new place, so none of them
// is an earlier one. What it does not give, the leader is asked for, one by one, which takes ten times as long; a
// takeover waits for it.
func (st *Stream) lastOf(ctx context.Context, e *engine, subjects []string, place uint64) ([]Record, error) {
	list, left := make([]Record, 0, len(subjects)), subjects
	for len(left) > 0 {
		some, upTo, err := st.lastTogether(ctx, e, left)
		if err != nil || upTo < place || len(some) == 0 {
			break
		}
		known := make(map[string]bool, len(some))
		for i := range some {
			known[some[i].Subject] = true
		}
		list = append(list, some...)
		left = slices.DeleteFunc(slices.Clone(left), func(subject string) bool { return known[subject] }) // an answer has pageBytes, about
	}
	asks := make([]ask, len(left))
	for i, subject := range left {
		asks[i] = ask{LastFor: subject}
	}
	rest, err := e.eachFromLeader(ctx, st.c.Name, asks)
	return append(list, rest...), err
}

// lastTogether asks any replica for the last record of each of some subjects, once. upTo is the place to which the
// replica has come.
func (st *Stream) lastTogether(ctx context.Context, e *engine, subjects []string) (list []Record, upTo uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	a := ask{LastOf: make([]string, len(subjects)), MaxBytes: pageBytes}
	for i, subject := range subjects {
		a.LastOf[i] = e.outer(subject)
	}
	request, err := json.Marshal(a)
	if err != nil {
		return nil, 0, err
	}
	sub, err := e.nc.SubscribeSync(e.nc.NewInbox())
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = sub.Unsubscribe() }() // the connection is gone, or it is
	if err := e.nc.PublishRequest("$JS.API.DIRECT.GET."+e.name(st.c.Name), sub.Subject, request); err != nil {
		return nil, 0, err
	}
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return nil, 0, err
		}
		r, end, err := e.readRecord(m)
		if err != nil {
			return nil, 0, err
		}
		if end {
			upTo, err = strconv.ParseUint(m.Header.Get("Nats-UpTo-Sequence"), 10, 64)
			return list, upTo, err
		}
		list = append(list, r)
	}
}
