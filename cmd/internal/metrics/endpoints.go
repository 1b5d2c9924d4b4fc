package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"stanzahook/pkg/delivery"
)

// endpointMetrics are about the endpoints of the configuration, without what
// only the store's files know: see storeMetrics.
type endpointMetrics struct {
	families
	workers []*delivery.Worker
	retired *delivery.Removed

	state, lastSuccess                            family
	queued, inMemory, direct, failingSenders      family
	inFlight, concurrency, attempts, took         family
	delivered, refused, overflowed, expired, dead family
	replies, replaced, removed, loops             family
}

func newEndpointMetrics(workers []*delivery.Worker, retired *delivery.Removed) *endpointMetrics {
	m := &endpointMetrics{workers: workers, retired: retired}
	m.state = m.gauge("endpoint_state", "1 for the state of the endpoint, 0 for the others: ok, failing (the last attempt failed), open (the breaker is: it is only probed) or disabled.", "endpoint", "state")
	m.failingSenders = m.gauge("endpoint_failing_senders", "Different senders whose attempts have failed since the last success; 10 at most are counted.", "endpoint")
	m.lastSuccess = m.gauge("endpoint_last_success_timestamp_seconds", "When the endpoint last took an event; not there before it has.", "endpoint")
	m.queued = m.gauge("endpoint_queued_events", "Events that are not answered, or not acknowledged by the reader.", "endpoint")
	m.inMemory = m.gauge("endpoint_memory_events", "Of the queued events, those in memory; 2000 at most.", "endpoint")
	m.direct = m.gauge("endpoint_direct_events", "Events and IQs that are in memory only; 10000 at most.", "endpoint")
	m.inFlight = m.gauge("endpoint_attempts_in_flight", "Attempts under way.", "endpoint")
	m.concurrency = m.gauge("endpoint_concurrency", "Attempts that may be under way at a time.", "endpoint")
	m.attempts = m.counter("endpoint_attempts_total", "Attempts by what came of them: success, refused (the sender gets an error), dead (refused, and a dead letter now), retry (not taken, tried again) or failed (not taken, and there is no second attempt).", "endpoint", "outcome")
	m.took = m.histogram("endpoint_attempt_duration_seconds", "How long attempts took, until the whole answer was there or there was none.", "endpoint")
	m.delivered = m.counter("endpoint_delivered_events_total", "Events that the endpoint has accepted, or its reader acknowledged.", "endpoint")
	m.refused = m.counter("endpoint_refused_events_total", "Events whose senders got an error.", "endpoint")
	m.overflowed = m.counter("endpoint_overflowed_events_total", "Events that were not taken, because too much waits or the store is full.", "endpoint")
	m.expired = m.counter("endpoint_expired_events_total", "Events that waited longer than retry.max_age.", "endpoint")
	m.dead = m.counter("endpoint_dead_events_total", "Events that became dead letters, for whatever reason.", "endpoint")
	m.loops = m.counter("endpoint_loops_total", "Events that were refused because the answers of webhooks go to and fro between our own addresses.", "endpoint")
	m.replies = m.counter("endpoint_replies_total", "Replies of the endpoint that were sent.", "endpoint")
	m.replaced = m.counter("endpoint_replaced_characters_total", "Characters of the endpoint's answers that no stanza can carry (control characters, halves of surrogate pairs); U+FFFD stands in their place.", "endpoint")
	m.removed = m.gauge("removed_endpoints_events", "Events that wait for endpoints which are not in the configuration any more.")
	return m
}

// Collect implements prometheus.Collector.
func (m *endpointMetrics) Collect(ch chan<- prometheus.Metric) {
	for _, w := range m.workers {
		name, st, c := w.Endpoint().Name, w.Status(), &w.Counters
		m.state.oneOf(ch, st.State(), []string{"ok", "failing", "open", "disabled"}, name)
		if !st.LastSuccess.IsZero() {
			m.lastSuccess.set(ch, seconds(st.LastSuccess), name)
		}
		m.queued.count(ch, int64(st.Queued), name)
		m.delivered.count(ch, c.Delivered.Load(), name)
		m.refused.count(ch, c.Refused.Load(), name)
		m.overflowed.count(ch, c.Overflow.Load(), name)
		m.expired.count(ch, c.Expired.Load(), name)
		m.dead.count(ch, c.Dead.Load(), name)
		m.loops.count(ch, c.Loops.Load(), name)
		if w.Endpoint().Pulled() {
			continue // nobody is called
		}
		m.failingSenders.count(ch, int64(st.Senders), name)
		m.inMemory.count(ch, int64(st.InMemory), name)
		m.direct.count(ch, int64(st.Direct), name)
		m.inFlight.count(ch, int64(st.InFlight), name)
		m.concurrency.count(ch, int64(w.Endpoint().Concurrency), name)
		for outcome, n := range c.Results.All() {
			m.attempts.count(ch, n, name, outcome)
		}
		m.took.times(ch, &c.Duration, name)
		m.replies.count(ch, c.Replies.Load(), name)
		m.replaced.count(ch, c.Replaced.Load(), name)
	}
	waiting := 0
	for _, n := range m.retired.Waiting() {
		waiting += n
	}
	m.removed.count(ch, int64(waiting))
}
