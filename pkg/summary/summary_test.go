package summary_test

import (
	"fmt"
	"testing"
	"time"

	"stanzahook/pkg/summary"
	"stanzahook/pkg/timing"
)

var began = time.Date(2026, 11, 20, 18, 0, 0, 0, time.UTC)

// counted is a source.
type counted struct {
	in, out   int64
	endpoints map[string]summary.Counts
}

func (c *counted) now() (int64, int64, map[string]summary.Counts) {
	copied := make(map[string]summary.Counts)
	for name, e := range c.endpoints {
		copied[name] = e
	}
	return c.in, c.out, copied
}

func of(delivered, failed, dead int64, took ...time.Duration) summary.Counts {
	var h timing.Histogram
	for _, d := range took {
		h.Observe(d)
	}
	return summary.Counts{In: delivered + dead, Out: delivered, Delivered: delivered, Failed: failed, Dead: dead, Answered: h.Snapshot()}
}

// A row is what was added within its minute, the first one so far; a minute without
// anything is zeros, and so is one before the start. An endpoint that was made anew counts
// from 0.
func TestRows(t *testing.T) {
	c := &counted{in: 100, out: 50, endpoints: map[string]summary.Counts{"a": of(7, 1, 0)}}
	d := summary.New(c.now)
	c.in, c.out = 110, 54
	c.endpoints["a"] = of(9, 1, 1, 2*time.Millisecond, 2*time.Millisecond, 2*time.Millisecond, 400*time.Millisecond)
	c.endpoints["b"] = of(5, 0, 0)
	d.End(began)
	d.End(began.Add(time.Minute))
	c.in = 111
	c.endpoints["a"] = of(2, 3, 0)
	now := began.Add(2*time.Minute + 10*time.Second)
	row := func(minute int, in, out, delivered, failed, dead int64, p50, p99 time.Duration) summary.Row {
		return summary.Row{Time: began.Add(time.Duration(minute) * time.Minute), In: in, Out: out, Delivered: delivered, Failed: failed, Dead: dead, P50: p50, P99: p99}
	}
	const p50, p99 = 2 * time.Millisecond, 490 * time.Millisecond
	for endpoint, want := range map[string][]summary.Row{
		"":     {row(2, 1, 0, 2, 2, 0, 0, 0), row(1, 0, 0, 0, 0, 0, 0, 0), row(0, 10, 4, 7, 0, 1, p50, p99), row(-1, 0, 0, 0, 0, 0, 0, 0)},
		"a":    {row(2, 2, 2, 2, 2, 0, 0, 0), row(1, 0, 0, 0, 0, 0, 0, 0), row(0, 3, 2, 2, 0, 1, p50, p99), row(-1, 0, 0, 0, 0, 0, 0, 0)},
		"none": {row(2, 0, 0, 0, 0, 0, 0, 0), row(1, 0, 0, 0, 0, 0, 0, 0), row(0, 0, 0, 0, 0, 0, 0, 0), row(-1, 0, 0, 0, 0, 0, 0, 0)},
	} {
		got := d.Rows(now, len(want), endpoint)
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%q, row %d:\ngot  %+v\nwant %+v", endpoint, i, got[i], want[i])
			}
		}
	}
	if rows := d.Rows(now, summary.Minutes, ""); len(rows) != summary.Minutes || rows[2].In != 10 || !rows[summary.Minutes-1].Time.Equal(began.Add(-23*time.Hour-57*time.Minute)) {
		t.Errorf("%d rows; %+v", len(rows), rows[2])
	}
	later := began.Add(24 * time.Hour) // its place in the ring is that of the first minute
	if rows := d.Rows(later, summary.Minutes, ""); rows[summary.Minutes-1].In != 0 || rows[0].In != 1 {
		t.Errorf("a day later: %+v", rows[summary.Minutes-1])
	}
}

// Many endpoints forget the rows of the oldest minutes.
func TestManyEndpoints(t *testing.T) {
	c := &counted{endpoints: map[string]summary.Counts{}}
	d := summary.New(c.now)
	const endpoints, minutes = 2000, 150
	for m := range int64(minutes) {
		c.in++
		for e := range endpoints {
			c.endpoints[fmt.Sprint(e)] = summary.Counts{Delivered: m + 1}
		}
		d.End(began.Add(time.Duration(m) * time.Minute))
	}
	rows, all := d.Rows(began.Add(minutes*time.Minute), minutes+1, "7"), d.Rows(began.Add(minutes*time.Minute), minutes+1, "")
	if rows[1].Delivered != 1 || rows[100].Delivered != 1 || rows[101].Delivered != 0 || all[minutes].In != 1 || all[minutes].Delivered != endpoints {
		t.Errorf("%+v %+v %+v %+v", rows[1], rows[100], rows[101], all[minutes])
	}
}
