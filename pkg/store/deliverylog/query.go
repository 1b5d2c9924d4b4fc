package deliverylog

import (
	"bytes"
	"cmp"
	"context"
	"hash/maphash"
	"slices"
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
	IDs           map[string]bool // only these; nil: any. Not for dead letters
	Cursor        string          // as the page before gave it
	Limit         int             // 0: DefaultLimit; at most MaxLimit
}

// oldest returns the smallest of the ids.
func (f *Filter) oldest() string {
	oldest := ""
	for id := range f.IDs {
		if oldest == "" || id < oldest {
			oldest = id
		}
	}
	return oldest
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

// IDTime returns when an id was made; zero if it does not say.
func IDTime(id string) time.Time {
	u, err := ulid.ParseStrict(id[strings.LastIndexByte(id, '_')+1:])
	if err != nil {
		return time.Time{}
	}
	return u.Timestamp()
}

// Get returns all that the log knows of an event. Errors: gateway.ErrNotFound.
func (l *Log) Get(ctx context.Context, id string) (Delivery, error) {
	c := &collector{f: Filter{Limit: 1}, only: id}
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
// page; empty: there is none.
//
// It reads the log from its end until the page is complete: in the worst case
// all of it, with some megabytes of memory whatever its size.
func (l *Log) List(ctx context.Context, f Filter) (list []Delivery, next string, err error) {
	c := &collector{f: f, oldest: f.oldest(), seed: maphash.MakeSeed(), rejected: make(map[uint64]struct{})}
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
		if !c.skips(r.Header.Get(headFirstID), r.Header.Get(headLastID)) {
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
	only     string // id; empty: all that f matches
	oldest   string // of f.IDs
	picked   []*Delivery
	rejected map[uint64]struct{} // ids whose state is not the wanted one
	seed     maphash.Seed
	data     []byte
	offsets  [][]byte
}

// full reports whether the page has one more than it needs: then only ids
// above its last one matter.
func (c *collector) full() bool { return c.only == "" && len(c.picked) > c.f.Size() }

func (c *collector) last() string { return c.picked[len(c.picked)-1].ID }

// over reports whether batches stored at a time, or before, have nothing more:
// nothing is logged of an event before it is received.
func (c *collector) over(stored time.Time) bool {
	stored = stored.Add(ClockSlack)
	switch {
	case c.only != "":
		return stored.Before(IDTime(c.only))
	case c.full():
		return stored.Before(IDTime(c.last()))
	}
	return stored.Before(c.f.After) || c.oldest != "" && stored.Before(IDTime(c.oldest))
}

// skips reports whether a batch has nothing that is wanted.
func (c *collector) skips(first, last string) bool {
	switch {
	case c.only != "":
		return c.only < first || c.only > last
	case c.f.Cursor != "" && first >= c.f.Cursor, last < c.oldest:
		return true
	}
	return c.full() && last < c.last()
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
	id := entryID(raw)
	switch {
	case c.only != "":
		if string(id) != c.only {
			return nil
		}
	case c.f.Cursor != "" && string(id) >= c.f.Cursor, c.full() && string(id) < c.last(), c.f.IDs != nil && !c.f.IDs[string(id)]:
		return nil
	}
	at, found := slices.BinarySearchFunc(c.picked, id, func(d *Delivery, id []byte) int { return bytes.Compare(id, []byte(d.ID)) })
	if !found && c.only == "" {
		if _, no := c.rejected[maphash.Bytes(c.seed, id)]; no {
			return nil
		}
	}
	e, err := readEntry(raw, c.only == "")
	if err != nil {
		return err
	}
	if found {
		c.picked[at].before(&e)
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
	d := &Delivery{ID: e.ID, Endpoint: e.Endpoint, Component: e.Component, Type: e.Type, From: e.From, To: e.To, Received: e.Received, State: e.State, Reason: e.Reason, Next: e.Next}
	d.before(&e)
	full := c.full()
	c.picked = slices.Insert(c.picked, at, d)
	if full {
		c.picked = c.picked[:len(c.picked)-1]
	}
	return nil
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
			next = list[i-1].ID
			break
		}
		slices.Reverse(d.Attempts)
		list = append(list, *d)
	}
	return list, next
}
