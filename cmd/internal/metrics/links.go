package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stanzahook/component"
	"stanzahook/pkg/stanza"
)

// seconds is a time as Prometheus has it.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// linkMetrics are about the links to the XMPP servers, and what waits for them.
type linkMetrics struct {
	families
	from *Sources

	up, state, changed, connects, failures   family
	stanzas, markers, problems               family
	unconfirmed, unconfirmedBytes, confirmed family
	pending, answered, unanswered            family
	outboxWaiting, outboxExpired, outboxLate family
	bounces, watches, pairs, tooOften        family
}

func newLinkMetrics(from *Sources) *linkMetrics {
	m := &linkMetrics{from: from}
	m.up = m.gauge("link_up", "Whether the component is connected to its XMPP server.", "component")
	m.state = m.gauge("link_state", "1 for the state of the link, 0 for the others: connecting, up, down, or shared (another connection uses the same name).", "component", "state")
	m.changed = m.gauge("link_state_changed_timestamp_seconds", "When the link reached its state.", "component")
	m.connects = m.counter("link_connects_total", "Connections that the XMPP server accepted.", "component")
	m.failures = m.counter("link_failures_total", "Connections that ended, and failed attempts to connect.", "component")
	m.stanzas = m.counter("stanzas_total", "Stanzas read from the XMPP server (in), and written to it (out; a stanza that is written again after a reconnect counts again).", "component", "direction", "kind")
	m.markers = m.counter("markers_total", "Markers sent; each returns and confirms what was written before it.", "component")
	m.problems = m.counter("stanza_problems_total", "Stanzas read that were malformed, too_large, unknown (no stanza), stray (the answer to no pending IQ) or untaken (no handler), and stanzas written that were rejected (the server closed the stream over them).", "component", "problem")
	m.unconfirmed = m.gauge("unconfirmed_stanzas", "Stanzas in memory that are not yet written or not yet confirmed; over 50000, callers are refused.", "component")
	m.unconfirmedBytes = m.gauge("unconfirmed_bytes", "Bytes of the unconfirmed stanzas; over 32 MiB, callers are refused.", "component")
	m.confirmed = m.histogram("confirmation_duration_seconds", "Time from writing a marker until it returned: how long the XMPP server needs to accept what was written.", "component")
	m.pending = m.gauge("iq_pending", "Our IQs that wait for an answer; over 10000, callers are refused.", "component")
	m.answered = m.histogram("iq_duration_seconds", "Time from sending an IQ until its answer, which may be an error.", "component")
	m.unanswered = m.counter("iq_unanswered_total", "Our IQs without an answer in time, or whose connection broke.", "component")
	m.outboxWaiting = m.gauge("outbox_waiting_stanzas", "Stanzas on disk that wait for the XMPP server.", "component")
	m.outboxExpired = m.counter("outbox_expired_total", "Stanzas of the outbox that exceeded outbox.max_age and became dead letters.", "component")
	m.outboxLate = m.counter("outbox_late_total", "Stanzas that a replica stored too late, when another one had taken over, and told nobody of: they are not sent.", "component")
	m.bounces = m.counter("bounces_total", "Errors of messages and presence that came back: awaited (before the caller was answered) or late.", "outcome")
	m.watches = m.gauge("bounce_watches", "Stanzas being sent whose error stanzahook watches for; at most 10000.")
	m.pairs = m.gauge("self_send_pairs", "Pairs of our own addresses between which callers have sent; at most 10000.")
	m.tooOften = m.counter("self_sends_refused_total", "Stanzas of callers between two of our own addresses that were refused: more than 30 in a minute.")
	return m
}

// Collect implements prometheus.Collector.
func (m *linkMetrics) Collect(ch chan<- prometheus.Metric) {
	states := []string{string(component.Connecting), string(component.Up), string(component.Down), string(component.Shared)}
	for domain, l := range m.from.Links {
		st, c, n := l.Status(), &l.Counters, l.Load()
		m.up.flag(ch, st.State == component.Up || st.State == component.Shared, domain)
		m.state.oneOf(ch, string(st.State), states, domain)
		m.changed.set(ch, seconds(st.Since), domain)
		m.connects.count(ch, c.Connects.Load(), domain)
		m.failures.count(ch, c.Reconnects.Load(), domain)
		for _, kind := range []stanza.Kind{stanza.Message, stanza.Presence, stanza.IQ} {
			m.stanzas.count(ch, c.In[kind].Load(), domain, "in", kind.String())
			m.stanzas.count(ch, c.Out[kind].Load(), domain, "out", kind.String())
		}
		m.markers.count(ch, c.Markers.Load(), domain)
		for problem, n := range map[string]int64{
			"malformed": c.Malformed.Load(), "too_large": c.TooLarge.Load(), "unknown": c.Unknown.Load(),
			"stray": c.Stray.Load(), "untaken": c.Untaken.Load(), "rejected": c.Rejected.Load(),
		} {
			m.problems.count(ch, n, domain, problem)
		}
		m.unconfirmed.count(ch, int64(n.Unconfirmed), domain)
		m.unconfirmedBytes.count(ch, int64(n.Bytes), domain)
		m.confirmed.times(ch, &c.Confirmed, domain)
		m.pending.count(ch, int64(n.Requests), domain)
		m.answered.times(ch, &c.Answered, domain)
		m.unanswered.count(ch, c.Unanswered.Load(), domain)
		m.outboxWaiting.count(ch, int64(m.from.Outboxes[domain].Waiting()), domain)
		m.outboxExpired.count(ch, m.from.Outboxes[domain].Expired.Load(), domain)
		m.outboxLate.count(ch, m.from.Outboxes[domain].Late.Load(), domain)
	}
	pairs, refused := m.from.SelfSends()
	m.pairs.count(ch, int64(pairs))
	m.tooOften.count(ch, refused)
	b := m.from.Bounces
	m.bounces.count(ch, b.Counters.Awaited.Load(), "awaited")
	m.bounces.count(ch, b.Counters.Others.Load(), "late")
	m.watches.count(ch, int64(b.Watching()))
}
