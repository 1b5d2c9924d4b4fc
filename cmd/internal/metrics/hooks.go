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

	requests, failures, messages, last, known family
}

func newHookMetrics(from *Sources) *hookMetrics {
	m := &hookMetrics{hooks: from.Hooks, threads: from.HookThreads}
	m.requests = m.counter("hook_requests_total", "Requests of tools that were authenticated.", "hook")
	m.failures = m.counter("hook_failures_total", "Requests that were refused or not sent, and messages that came back as an error.", "hook")
	m.messages = m.counter("hook_messages_total", "Messages that were sent or stored for the XMPP server.", "hook")
	m.last = m.gauge("hook_last_request_timestamp_seconds", "When the latest request came; 0: none did.", "hook")
	m.known = m.gauge("hook_threads", "What the messages were about, as far as later states of it refer to them; 10000 of all hooks at most.", "hook")
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
}
