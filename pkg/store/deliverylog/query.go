package deliverylog

import (
	"cmp"
	"context"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/internal/stream"
)

// Bounds of a list.
const (
	DefaultLimit = 50
	MaxLimit     = 500
)

// ClockSlack is how far the clock may have been set back while the log was
// written without anything being missed.
const ClockSlack = time.Minute

// Filter says what of a list is wanted; what is empty is any.
type Filter struct {
	Endpoint string
	State    State
	JID      string // canonical; the sender or the addressee: the full JID, or any of a bare one
	// After and Before are when it was received; of dead letters, when they died.
	After, Before time.Time
	IDs           map[string]time.Time // only these, with when they were received; nil: any. Not for dead letters
	Cursor        string               // as the page before gave it
	Limit         int                  // 0: DefaultLimit; at most MaxLimit
}

// Size is how many a page has at most.
func (f *Filter) Size() int { return min(cmp.Or(max(0, f.Limit), DefaultLimit), MaxLimit) }

// Matches reports whether what does not change of a delivery is wanted.
func (f *Filter) Matches(endpoint, from, to string, at time.Time) bool {
	return (f.Endpoint == "" || f.Endpoint == endpoint) &&
		(f.JID == "" || of(f.JID, from) || of(f.JID, to)) &&
		(f.After.IsZero() || at.After(f.After)) && (f.Before.IsZero() || at.Before(f.Before))
}

// of reports whether a JID is the wanted one, or a resource of it.
func of(wanted, j string) bool {
	rest, ok := strings.CutPrefix(j, wanted)
	return ok && (rest == "" || rest[0] == '/' && !strings.Contains(wanted, "/"))
}

// IDTime returns when an id was made; zero if it does not say. Those of what is said in rooms
// do not: their time is to come.
func IDTime(id string) time.Time {
	u, err := ulid.ParseStrict(id[strings.LastIndexByte(id, '_')+1:])
	if err != nil || u.Timestamp().After(time.Now().Add(time.Hour)) {
		return time.Time{}
	}
	return u.Timestamp()
}

// Get returns all that the log knows of an event. Errors: gateway.ErrNotFound.
func (l *Log) Get(ctx context.Context, id string) (Delivery, error) {
	c := &collector{f: Filter{Limit: 1}, only: id, byID: make(map[string]*Delivery)}
	if err := l.search(ctx, c); err != nil {
		return Delivery{}, err
	}
	list, _ := c.result()
	if len(list) == 0 {
		return Delivery{}, gateway.ErrNotFound
	}
	return list[0], nil
}

// List returns what the log knows of deliveries, those received last
// first, without stanzas and answers. next is the Cursor of the following
// page; empty: there is none. An event that came once more after a kill may be on two pages.
// Errors: gateway.ErrCursor.
//
// It reads the log from its end until the page is complete: in the worst case
// all of it, with some megabytes of memory whatever its size.
func (l *Log) List(ctx context.Context, f Filter) (list []Delivery, next string, err error) {
	c := &collector{f: f, byID: make(map[string]*Delivery), seed: maphash.MakeSeed(), rejected: make(map[uint64]struct{})}
	if c.cursor, err = ParsePlace(f.Cursor); err != nil {
		return nil, "", err
	}
	for _, at := range f.IDs {
		if c.oldest.IsZero() || at.Before(c.oldest) {
			c.oldest = at
		}
	}
	if err := l.search(ctx, c); err != nil {
		return nil, "", err
	}
	list, next = c.result()
	return list, next, nil
}

// searches bounds those that read the log at the same time.
const searches = 2

func (l *Log) search(ctx context.Context, c *collector) error {
	select {
	case l.searching <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-l.searching }()
	return l.st.Walk(ctx, "", 0, func(r *stream.Record) bool {
		if c.over(r.Time()) {
			return false
		}
		if !c.skips(r.Header) {
			if err := c.batch(r.Data); err != nil {
				l.o.Log.Error("delivery log batch unreadable", zap.Uint64("batch", r.Seq), zap.Error(err))
			}
		}
		return ctx.Err() == nil
	})
}

// collector gathers the deliveries of a page from entries that come the latest
// first: the first one of an id tells its state.
type collector struct {
	f        Filter
	cursor   Place                // f.Cursor
	only     string               // id; empty: all that f matches
	oldest   time.Time            // of f.IDs
	picked   []*Delivery          // those received last first
	byID     map[string]*Delivery // of picked
	rejected map[uint64]struct{}  // ids whose state is not the wanted one
	seed     maphash.Seed
	data     []byte
	offsets  [][]byte
}

// full reports whether the page has one more than it needs: then only what was received
// after its last one matters.
func (c *collector) full() bool { return c.only == "" && len(c.picked) > c.f.Size() }

func (c *collector) last() *Delivery { return c.picked[len(c.picked)-1] }

// over reports whether batches stored at a time, or before, have nothing more:
// nothing is logged of an event before it is received.
func (c *collector) over(stored time.Time) bool {
	stored = stored.Add(ClockSlack)
	switch {
	case c.only != "":
		return stored.Before(IDTime(c.only))
	case c.full():
		return stored.Before(c.last().Received)
	}
	return stored.Before(c.f.After) || stored.Before(c.oldest)
}

// skips reports whether a batch has nothing that is wanted.
func (c *collector) skips(h stream.Header) bool {
	if c.only != "" {
		return c.only < h.Get(headFirstID) || c.only > h.Get(headLastID)
	}
	first, err := strconv.ParseInt(h.Get(headFirstAt), 10, 64)
	if err != nil { // a batch of an earlier version does not say
		return false
	}
	last, err := strconv.ParseInt(h.Get(headLastAt), 10, 64)
	return err == nil && (!c.cursor.IsZero() && first > c.cursor.at ||
		!c.oldest.IsZero() && last < c.oldest.UnixMilli() ||
		c.full() && last < c.last().Received.UnixMilli())
}

func (c *collector) batch(packed []byte) error {
	var err error
	if c.data, err = s2.Decode(c.data[:cap(c.data)], packed); err != nil {
		return err
	}
	c.offsets = c.offsets[:0]
	for rest := c.data; len(rest) > 0; {
		var entry []byte
		if entry, rest, err = nextEntry(rest); err != nil {
			return err
		}
		c.offsets = append(c.offsets, entry)
	}
	for _, entry := range slices.Backward(c.offsets) {
		if err := c.entry(entry); err != nil {
			return err
		}
	}
	return nil
}

func (c *collector) entry(raw []byte) error {
	id, at := entryPlace(raw)
	d := c.byID[string(id)]
	if d == nil && !c.wants(id, at) {
		return nil
	}
	e, err := readEntry(raw, c.only == "")
	if err != nil {
		return err
	}
	if d != nil {
		d.before(&e)
		return nil
	}
	if c.only == "" {
		if !c.f.Matches(e.Endpoint, e.From, e.To, e.Received) {
			return nil
		}
		if c.f.State != "" && c.f.State != e.State {
			c.rejected[maphash.Bytes(c.seed, id)] = struct{}{}
			return nil
		}
	}
	full := c.full()
	d = &Delivery{ID: e.ID, Endpoint: e.Endpoint, Component: e.Component, Type: e.Type, From: e.From, To: e.To, Received: e.Received, State: e.State, Reason: e.Reason, Next: e.Next}
	d.before(&e)
	where, _ := slices.BinarySearchFunc(c.picked, d, LastFirst)
	c.picked = slices.Insert(c.picked, where, d)
	c.byID[d.ID] = d
	if full {
		delete(c.byID, c.last().ID)
		c.picked = c.picked[:len(c.picked)-1]
	}
	return nil
}

// wants reports whether an event that is not on the page yet can belong there, as far as its
// id and the time when it was received tell.
func (c *collector) wants(id []byte, at int64) bool {
	if c.only != "" {
		return string(id) == c.only
	}
	if !c.cursor.IsZero() && compareBytes(at, id, c.cursor) >= 0 || c.full() && compareBytes(at, id, c.last().Place()) < 0 {
		return false
	}
	if _, is := c.f.IDs[string(id)]; c.f.IDs != nil && !is {
		return false
	}
	_, no := c.rejected[maphash.Bytes(c.seed, id)]
	return !no
}

// before adds what an earlier entry tells. Attempts are in reverse order until
// result.
func (d *Delivery) before(e *Entry) {
	if e.Attempt != nil && len(d.Attempts) < MaxAttempts {
		d.Attempts = append(d.Attempts, *e.Attempt)
	}
	if d.Stanza == "" {
		d.Stanza = e.Stanza
	}
}

func (c *collector) result() (list []Delivery, next string) {
	for i, d := range c.picked {
		if i == c.f.Size() {
			next = list[i-1].Place().String()
			break
		}
		slices.Reverse(d.Attempts)
		list = append(list, *d)
	}
	return list, next
}
