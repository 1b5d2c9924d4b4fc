package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"stanzahook/pkg/upload"
)

// uploadMetrics are about files that bots upload.
type uploadMetrics struct {
	families
	from *upload.Uploads

	running, most, spooled, ended, bytes, refused, records family
}

func newUploadMetrics(from *Sources) *uploadMetrics {
	m := &uploadMetrics{from: from.Uploads}
	m.running = m.gauge("uploads_running", "Files that are uploaded now.", "component")
	m.most = m.gauge("uploads_limit", "Files that may be uploaded at a time (uploads.concurrency).", "component")
	m.spooled = m.gauge("uploads_spooled_bytes", "Bytes reserved on disk for files whose length was not known beforehand (uploads.spool).", "component")
	m.ended = m.counter("uploads_total", "Uploads that have ended, by result: done or failed.", "component", "result")
	m.bytes = m.counter("uploads_bytes_total", "Bytes of the files that were uploaded.", "component")
	m.refused = m.counter("uploads_refused_total", "Uploads without a place, by reason: share (the caller has as many as one may have) or full.", "component", "reason")
	m.records = m.gauge("uploads_records", "Uploads whose ids are known.")
	return m
}

// Collect implements prometheus.Collector.
func (m *uploadMetrics) Collect(ch chan<- prometheus.Metric) {
	if m.from == nil {
		return
	}
	for _, u := range m.from.Uses() {
		m.running.count(ch, u.Running, u.Component)
		m.most.count(ch, u.Most, u.Component)
		m.spooled.count(ch, u.Spooled, u.Component)
		m.ended.count(ch, u.Done, u.Component, "done")
		m.ended.count(ch, u.Failed, u.Component, "failed")
		m.bytes.count(ch, u.Bytes, u.Component)
		m.refused.count(ch, u.ByShare, u.Component, "share")
		m.refused.count(ch, u.Crowded, u.Component, "full")
	}
	m.records.count(ch, int64(m.from.Records()))
}
