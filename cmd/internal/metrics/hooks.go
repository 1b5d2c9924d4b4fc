package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"stanzahook/httpapi/hooks"
)

// hookMetrics are about the hooks of other tools.
type hookMetrics struct {
	families
	hooks   func() []hooks.Status
	threads func(hook string) int

	back func() hooks.Back

	requests, failures, messages, last, known, waiting, unplaced family
}

func newHookMetrics(from *Sources) *hookMetrics {
	m := &hookMetrics{hooks: from.Hooks, threads: from.HookThreads, back: from.HookBack}
	m.requests = m.counter("hook_requests_total", "Requests of tools that were authenticated.", "hook")
	m.failures = m.counter("hook_failures_total", "Requests that were refused or not sent, and messages that came back as an error.", "hook")
	m.messages = m.counter("hook_messages_total", "Messages that were sent or stored for the XMPP server.", "hook")
	m.last = m.gauge("hook_last_request_timestamp_seconds", "When the latest request came; 0: none did.", "hook")
	m.known = m.gauge("hook_threads", "What the messages were about, as far as later states of it refer to them; 10000 of all hooks at most.", "hook")
	m.waiting = m.gauge("hook_returned_messages", "First messages of threads that came back as an error, while their threads are removed; 1000 at most, half of them of one hook.")
	m.unplaced = m.counter("hook_returned_messages_unplaced_total", "Returned messages of hooks that were not remembered, so that later states refer to a message that nobody has: their hook has used up its share (share), or the table is full (full).", "reason")
	return m
}

// Collect implements prometheus.Collector.
func (m *hookMetrics) Collect(ch chan<- prometheus.Metric) {
	for _, h := range m.hooks() {
		m.requests.count(ch, h.Requests, h.Name)
		m.failures.count(ch, h.Failed, h.Name)
		m.messages.count(ch, h.Sent, h.Name)
		last := 0.0
		if !h.LastTime.IsZero() {
			last = seconds(h.LastTime)
		}
		m.last.set(ch, last, h.Name)
		m.known.set(ch, float64(m.threads(h.Name)), h.Name)
	}
	b := m.back()
	m.waiting.count(ch, int64(b.Waiting))
	m.unplaced.count(ch, b.ByShare, "share")
	m.unplaced.count(ch, b.Full, "full")
}
