// Package summary keeps what was counted in each minute of the last day. A [Day] asks for
// the counts at the end of each minute, and keeps the differences; so it costs nothing in
// between. It is memory only: killed, it is lost, and the minutes before are zeros.
package summary

import (
	"context"
	"sync"
	"time"

	"stanzahook/pkg/timing"
)

const (
	// Minutes are those that are kept.
	Minutes = 24 * 60
	// maxRows bounds the rows of endpoints in all minutes; over it those of the oldest
	// minutes go.
	maxRows = 200_000
)

// Counts count since some time before. A count that is smaller than a minute ago has
// begun anew.
type Counts struct {
	In, Out                 int64 // stanzas; of an endpoint: events, and replies
	Delivered, Failed, Dead int64 // events; failed are attempts
	Answered                timing.Snapshot
}

// Source returns the counts of now: stanzas of all links, and those of each endpoint.
type Source func() (in, out int64, endpoints map[string]Counts)

// Row is one minute.
type Row struct {
	Time                             time.Time // when it began
	In, Out, Delivered, Failed, Dead int64
	P50, P99                         time.Duration // from received to answered; 0: nothing was answered
}

// Day keeps the rows of the last 24 hours. Its methods may be called from several
// goroutines.
type Day struct {
	source Source

	mu      sync.Mutex
	minutes [Minutes]minute
	rows    int     // of endpoints, in all minutes
	last    reading // at the end of the last minute
}

// minute has what was counted in one minute.
type minute struct {
	at  int64 // in minutes since 1970
	all Row
	of  map[string]Row // of the endpoints that did something
}

// reading is what the source has said.
type reading struct {
	in, out   int64
	endpoints map[string]Counts
}

// New returns a day that begins now.
func New(source Source) *Day {
	d := &Day{source: source}
	d.last = d.read()
	return d
}

func (d *Day) read() (r reading) {
	r.in, r.out, r.endpoints = d.source()
	return r
}

// Run ends each minute, until ctx is done.
func (d *Day) Run(ctx context.Context) {
	for {
		now := time.Now()
		next := now.Truncate(time.Minute).Add(time.Minute)
		select {
		case <-time.After(next.Sub(now)):
			d.End(next.Add(-time.Minute))
		case <-ctx.Done():
			return
		}
	}
}

// End ends the minute that began at a time.
func (d *Day) End(began time.Time) {
	now := d.read()
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.since(&now, began.Unix()/60)
	d.last = now
	place := &d.minutes[m.at%Minutes]
	d.rows += len(m.of) - len(place.of)
	*place = m
	for at := m.at - Minutes + 1; d.rows > maxRows && at < m.at; at++ {
		if old := &d.minutes[at%Minutes]; old.at == at {
			d.rows -= len(old.of)
			old.of = nil
		}
	}
}

// Rows returns the last n minutes, the newest first; the first is not over yet. With an
// endpoint they are its own.
func (d *Day) Rows(now time.Time, n int, endpoint string) []Row {
	counted := d.read()
	d.mu.Lock()
	defer d.mu.Unlock()
	at := now.Unix() / 60
	rows := make([]Row, 0, n)
	for ; len(rows) < n; at-- {
		m := d.minutes[at%Minutes]
		switch {
		case len(rows) == 0:
			m = d.since(&counted, at)
		case m.at != at:
			m = minute{}
		}
		row := m.all
		if endpoint != "" {
			row = m.of[endpoint]
		}
		row.Time = time.Unix(at*60, 0).UTC()
		rows = append(rows, row)
	}
	return rows
}

// since returns what was counted since the last minute ended; d.mu is held.
func (d *Day) since(now *reading, at int64) minute {
	m := minute{at: at, all: Row{In: more(now.in, d.last.in), Out: more(now.out, d.last.out)}}
	var all timing.Snapshot
	for name, c := range now.endpoints {
		before := d.last.endpoints[name]
		answered := c.Answered.Since(before.Answered)
		row := Row{
			In: more(c.In, before.In), Out: more(c.Out, before.Out),
			Delivered: more(c.Delivered, before.Delivered), Failed: more(c.Failed, before.Failed), Dead: more(c.Dead, before.Dead),
			P50: answered.Quantile(0.5), P99: answered.Quantile(0.99),
		}
		if row == (Row{}) {
			continue
		}
		if m.of == nil {
			m.of = make(map[string]Row)
		}
		m.of[name] = row
		m.all.Delivered += row.Delivered
		m.all.Failed += row.Failed
		m.all.Dead += row.Dead
		if answered.Count > 0 {
			all = all.Plus(answered)
		}
	}
	m.all.P50, m.all.P99 = all.Quantile(0.5), all.Quantile(0.99)
	return m
}

// more returns how much was added to a count.
func more(now, before int64) int64 {
	if now < before {
		return now
	}
	return now - before
}
