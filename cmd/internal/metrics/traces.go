package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"stanzahook/pkg/tracing"
)

// traceMetrics are about the export of traces.
type traceMetrics struct {
	families
	counts                            func() tracing.Counts
	exported, dropped, failed, queued family
}

func newTraceMetrics(from *Sources) *traceMetrics {
	m := &traceMetrics{counts: from.Traces}
	m.exported = m.counter("trace_exported_spans_total", "Spans that the collector has taken.")
	m.dropped = m.counter("trace_dropped_spans_total", "Spans for which there was no room.")
	m.failed = m.counter("trace_failed_spans_total", "Spans that the collector refused, or did not take within a minute.")
	m.queued = m.gauge("trace_queued_bytes", "Spans that wait for the next request to the collector; at most 2 MiB.")
	return m
}

// Collect implements prometheus.Collector.
func (m *traceMetrics) Collect(ch chan<- prometheus.Metric) {
	c := m.counts()
	m.exported.count(ch, c.Exported)
	m.dropped.count(ch, c.Dropped)
	m.failed.count(ch, c.Failed)
	m.queued.count(ch, int64(c.Queued))
}
