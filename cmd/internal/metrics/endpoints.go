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
	from    *Sources

	state, lastSuccess                                       family
	queued, inMemory, direct, failingSenders                 family
	inFlight, concurrency, attempts, took                    family
	delivered, refused, overflowed, expired, dead            family
	replies, replaced, removedEvents, loops, made, listeners family
	typing                                                   family
}

func newEndpointMetrics(workers []*delivery.Worker, from *Sources) *endpointMetrics {
	m := &endpointMetrics{workers: workers, from: from}
	m.state = m.gauge("endpoint_state", "1 for the state of the endpoint, 0 for the others: ok, failing (the last attempt failed), open (the circuit breaker is open, and probes) or disabled.", "endpoint", "state")
	m.failingSenders = m.gauge("endpoint_failing_senders", "Senders whose attempts have failed since the last success; at most 10 are counted.", "endpoint")
	m.lastSuccess = m.gauge("endpoint_last_success_timestamp_seconds", "When the endpoint last accepted an event; absent before the first.", "endpoint")
	m.queued = m.gauge("endpoint_queued_events", "Events that are not yet answered, or not yet acknowledged by the reader.", "endpoint")
	m.inMemory = m.gauge("endpoint_memory_events", "Queued events in memory; at most 2000.", "endpoint")
	m.direct = m.gauge("endpoint_direct_events", "Direct events and IQs, in memory only; at most 10000.", "endpoint")
	m.inFlight = m.gauge("endpoint_attempts_in_flight", "Attempts in progress.", "endpoint")
	m.concurrency = m.gauge("endpoint_concurrency", "The largest number of attempts in progress.", "endpoint")
	m.attempts = m.counter("endpoint_attempts_total", "Attempts by outcome: success, refused (the sender gets an error), dead (refused, and now a dead letter), retry (failed, will be retried) or failed (failed, and not retried).", "endpoint", "outcome")
	m.took = m.histogram("endpoint_attempt_duration_seconds", "Duration of attempts, until the whole answer arrived or the attempt failed.", "endpoint")
	m.delivered = m.counter("endpoint_delivered_events_total", "Events that the endpoint accepted, or its reader acknowledged.", "endpoint")
	m.refused = m.counter("endpoint_refused_events_total", "Events whose senders got an error.", "endpoint")
	m.overflowed = m.counter("endpoint_overflowed_events_total", "Events that were not accepted, because too many wait or the store is full.", "endpoint")
	m.expired = m.counter("endpoint_expired_events_total", "Events that exceeded retry.max_age.", "endpoint")
	m.dead = m.counter("endpoint_dead_events_total", "Events that became dead letters, for any reason.", "endpoint")
	m.loops = m.counter("endpoint_loops_total", "Events that were refused because webhooks answer each other in a loop.", "endpoint")
	m.replies = m.counter("endpoint_replies_total", "Replies of the endpoint that were sent.", "endpoint")
	m.replaced = m.counter("endpoint_replaced_characters_total", "Characters of the endpoint's answers that no stanza can carry (control characters, halves of surrogate pairs), replaced by U+FFFD.", "endpoint")
	m.typing = m.counter("endpoint_typing_total", "Requests whose senders saw that the bot types, as the answer took longer than typing.after.", "endpoint")
	m.removedEvents = m.gauge("removed_endpoints_events", "Events that wait for endpoints that were removed from the configuration.")
	m.made = m.gauge("api_endpoints", "Endpoints that were made by the API; at most 1000.")
	m.listeners = m.gauge("listeners", "Temporary endpoints of those who listen in place of an endpoint; at most 16.")
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
			continue // it makes no requests
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
		m.typing.count(ch, c.Typing.Load(), name)
	}
	waiting := 0
	for _, n := range m.from.Removed.Waiting() {
		waiting += n
	}
	m.removedEvents.count(ch, int64(waiting))
	m.made.count(ch, int64(m.from.Made()))
	m.listeners.count(ch, int64(m.from.Listeners()))
}
