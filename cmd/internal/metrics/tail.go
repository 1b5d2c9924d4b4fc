package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"stanzahook/pkg/tail"
)

// tailMetrics are about the live tail.
type tailMetrics struct {
	families
	tail                           *tail.Tail
	readers, events, lost, refused family
}

func newTailMetrics(from *Sources) *tailMetrics {
	m := &tailMetrics{tail: from.Tail}
	m.readers = m.gauge("tail_readers", "Readers of /v1/tail; at most 32, half of them of one token, and 4 places are for the scope admin.")
	m.events = m.counter("tail_events_total", "Events of the tail, whether or not somebody reads them.")
	m.lost = m.counter("tail_lost_events_total", "Events that readers of the tail missed; an event gap counted them for the reader.")
	m.refused = m.counter("tail_refused_readers_total", "Readers of the tail without a place.")
	return m
}

// Collect implements prometheus.Collector.
func (m *tailMetrics) Collect(ch chan<- prometheus.Metric) {
	c := m.tail.Counts()
	m.readers.count(ch, int64(c.Readers))
	m.events.count(ch, int64(c.Events))
	m.lost.count(ch, int64(c.Lost))
	m.refused.count(ch, int64(c.Refused))
}
