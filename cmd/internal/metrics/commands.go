package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"stanzahook/component/commands"
)

// commandMetrics are about commands of bots.
type commandMetrics struct {
	families
	from *commands.Commands

	commands, results, invalid, denied, lines, listings, sessions, bytes, ended, unsaid family
}

func newCommandMetrics(from *Sources) *commandMetrics {
	m := &commandMetrics{from: from.Commands}
	m.commands = m.gauge("commands", "Commands of bots, by source: config or api.", "source")
	m.results = m.counter("command_runs_total", "Steps of commands that a webhook was asked about, by result: done, form (another step), error (a note that says so), refused (status 4xx), failed or timeout.", "result")
	m.invalid = m.counter("command_forms_invalid_total", "Forms with wrong values, which were shown again without asking the webhook.")
	m.denied = m.counter("command_denied_total", "Requests for commands by those who may not run them.")
	m.lines = m.counter("command_lines_total", "Lines of chats that were commands, or answers to their questions.")
	m.listings = m.counter("command_listings_total", "Answers of service discovery about commands.")
	m.sessions = m.gauge("command_sessions", "Runs of commands that are not at their end; at most 1,000, and 32 of one person.")
	m.bytes = m.gauge("command_session_bytes", "Bytes of what is filled in in these; at most 16 MiB, and 1 MiB of one person.")
	m.ended = m.counter("command_sessions_ended_total", "Runs that have ended before their end, by reason: expired (ten minutes without a step) or dropped (there were too many).", "reason")
	m.unsaid = m.counter("command_answers_dropped_total", "Answers in chats that were dropped, because too many were to be sent at once.")
	return m
}

// Collect implements prometheus.Collector.
func (m *commandMetrics) Collect(ch chan<- prometheus.Metric) {
	if m.from == nil {
		return
	}
	made, all := int64(0), m.from.All()
	for _, c := range all {
		if c.Source == "api" {
			made++
		}
	}
	m.commands.count(ch, int64(len(all))-made, "config")
	m.commands.count(ch, made, "api")
	c := &m.from.Counters
	for i, name := range commands.Results() {
		m.results.count(ch, c.Results[i].Load(), name)
	}
	m.invalid.count(ch, c.Invalid.Load())
	m.denied.count(ch, c.Denied.Load())
	m.lines.count(ch, c.Lines.Load())
	m.listings.count(ch, c.Listings.Load())
	now, bytes, expired, dropped := m.from.Sessions()
	m.sessions.count(ch, int64(now))
	m.bytes.count(ch, int64(bytes))
	m.ended.count(ch, expired, "expired")
	m.ended.count(ch, dropped, "dropped")
	m.unsaid.count(ch, c.Unsaid.Load())
}
