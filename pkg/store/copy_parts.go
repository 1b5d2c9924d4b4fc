package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/store/internal/stream"
)

// part is one kind of records: all of a stream, or those of a bucket that shares its stream
// with others.
type part struct {
	name   string // in the mark of a copy
	about  string // for people
	st     *stream.Stream
	prefix string // of its subjects
	older  bool   // its records may say where they have moved from
	once   bool   // no two records have one id
	ages   bool   // records leave it by themselves
}

// parts are all kinds of records that a store has, in the order in which they are copied.
// The streams need not be open.
func (s *Store) parts() []part {
	whole := func(name, about, prefix string, st *stream.Stream) part {
		return part{name: name, about: about, prefix: prefix, st: st}
	}
	list := []part{
		whole("events", "events", "event.", s.queues.recent.st),
		whole("waiting", "events that wait", "waiting.", s.queues.waiting.st),
		whole("outbox", "stanzas in the outbox", "out.", s.outbox.st),
		whole("dead letters", "dead letters", deadPrefix, s.dead.st),
		whole("deliveries", "batches of the delivery log", "log.", deliverylog.Stream(s.srv, s.logOptions())),
	}
	list[1].older, list[2].once, list[3].ages, list[4].ages = true, true, true, true
	for _, b := range []struct {
		name, about string
		b           *bucket
	}{
		{"endpoints", "states of endpoints", &s.endpoints.bucket},
		{"features", "features of hosts", &s.features.bucket},
		{"made endpoints", "endpoints made by the API", &s.madeEndpoints.bucket},
		{"made hooks", "hooks made by the API", &s.madeHooks.bucket},
		{"made commands", "commands made by the API", &s.madeCommands.bucket},
		{"bots", "bots of the API", &s.bots.bucket},
		{"avatars", "avatars of bots", &s.avatars.bucket},
		{"subscribers", "subscribers", &s.subscribers.bucket},
		{"rosters", "rosters", &s.rosters.records},
		{"jobs", "roster jobs", &s.rosters.jobs},
		{"rooms", "rooms", &s.rooms.bucket},
		{"sent", "states of messages", &s.sent.bucket},
		{"answered", "answered conversations", &s.answered.bucket},
		{"threads", "threads", &s.threads.bucket},
		{"questions", "questions with buttons", &s.questions.bucket},
		{"room messages", "messages that wait for rooms", &s.waiting.bucket},
		{"corrections", "corrections that wait", &s.corrections.bucket},
		{"requests", "Idempotency-Keys", &s.idempotencyKeys.bucket},
	} {
		list = append(list, part{name: b.name, about: b.about, st: b.b.st, prefix: b.b.prefix, ages: b.b.MaxAge > 0})
	}
	return list
}

// filter is that of the part's subjects.
func (p *part) filter() string { return p.prefix + ">" }

// print says what a part has, so that a change is noticed.
type print struct {
	Records uint64 `json:"records"`
	First   uint64 `json:"first"` // places
	Last    uint64 `json:"last"`
	bytes   int64
}

// print returns what the part has.
func (p *part) print(ctx context.Context) (print, error) {
	state, err := p.st.StateOf(ctx, p.filter())
	if err != nil {
		return print{}, fmt.Errorf("count the %s: %w", p.about, err)
	}
	var is print
	for _, n := range state.Subjects {
		is.Records += n
	}
	if is.Records == 0 {
		return is, nil
	}
	is.bytes = int64(state.Bytes / max(1, state.Records) * is.Records)
	first, err := p.st.Read(ctx, p.filter(), 1, 1)
	if err == nil && len(first) > 0 {
		is.First = first[0].Seq
		is.Last, err = p.st.LastPlace(ctx, p.filter())
	}
	if err != nil && !errors.Is(err, gateway.ErrNotFound) {
		return print{}, fmt.Errorf("read the %s: %w", p.about, err)
	}
	return is, nil
}

// same reports whether a part has what it had; what has become too old may be gone.
func (p *part) same(was, is print) bool {
	if p.ages {
		return is.Records <= was.Records && (is.Last == was.Last || is.Records == 0)
	}
	return is.Records == was.Records && is.First == was.First && is.Last == was.Last
}

// message returns what a record of a part of another store is in this one; false if it
// stands for none.
func (p *part) message(from *part, r *stream.Record) (stream.Message, bool) {
	m, ok := from.st.Message(r)
	if !ok {
		return m, false
	}
	m.Subject = p.prefix + strings.TrimPrefix(r.Subject, from.prefix)
	if p.older && originOf(m.Data) > 0 {
		// Its original is gone, and the place may be that of another one in the copy.
		m.Data = withOrigin(m.Data, 0, 0)
	}
	return m, true
}
