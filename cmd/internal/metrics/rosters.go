package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"stanzahook/pkg/roster"
)

// rosterMetrics are about the rosters that are kept.
type rosterMetrics struct {
	families
	rosters *roster.Rosters

	refreshes, running, jobs family
}

func newRosterMetrics(from *Sources) *rosterMetrics {
	m := &rosterMetrics{rosters: from.Rosters}
	m.refreshes = m.counter("roster_refreshes_total", "Roster refreshes by result: applied, unchanged, degraded, forbidden, no-such-user, unknown, source-error or timeout.", "host", "result")
	m.running = m.gauge("roster_refreshes_in_progress", "Roster refreshes in progress or waiting.", "host")
	m.jobs = m.gauge("roster_jobs_running", "Roster jobs in progress; at most 100.")
	return m
}

// Collect implements prometheus.Collector.
func (m *rosterMetrics) Collect(ch chan<- prometheus.Metric) {
	for _, h := range m.rosters.All() {
		for result, n := range h.Counters.All() {
			m.refreshes.count(ch, n, h.Domain, string(result))
		}
		m.running.count(ch, int64(h.Running()), h.Domain)
	}
	running, _ := m.rosters.Jobs.Running()
	m.jobs.count(ch, int64(running))
}
