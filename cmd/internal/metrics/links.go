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
	outboxWaiting, outboxExpired             family
	bounces, watches, pairs, tooOften        family
}

func newLinkMetrics(from *Sources) *linkMetrics {
	m := &linkMetrics{from: from}
	m.up = m.gauge("link_up", "Whether the component is connected to its XMPP server.", "component")
	m.state = m.gauge("link_state", "1 for the state of the link, 0 for the others: connecting, up, down, or shared (somebody else has connected under the same name).", "component", "state")
	m.changed = m.gauge("link_state_changed_timestamp_seconds", "Since when the link has its state.", "component")
	m.connects = m.counter("link_connects_total", "Connections that the XMPP server has accepted.", "component")
	m.failures = m.counter("link_failures_total", "Connections that ended, and attempts to connect that failed.", "component")
	m.stanzas = m.counter("stanzas_total", "Stanzas that came from the XMPP server (in), and that were written to it (out; what is written again after a reconnect counts again).", "component", "direction", "kind")
	m.markers = m.counter("markers_total", "Markers that were sent; they come back and confirm what was written before.", "component")
	m.problems = m.counter("stanza_problems_total", "Stanzas that came malformed, too_large, unknown (no stanza), stray (the answer to an IQ that nobody waits for) or untaken (nobody is there for it), and those rejected (over which the server closed the stream).", "component", "problem")
	m.unconfirmed = m.gauge("unconfirmed_stanzas", "Stanzas in memory that are not written, or not confirmed; over 50000, callers are refused.", "component")
	m.unconfirmedBytes = m.gauge("unconfirmed_bytes", "Bytes of these; over 32 MiB, callers are refused.", "component")
	m.confirmed = m.histogram("confirmation_duration_seconds", "From writing a marker until it was back: what the XMPP server needs to take what was written.", "component")
	m.pending = m.gauge("iq_pending", "IQs of ours that wait for their answers; over 10000, callers are refused.", "component")
	m.answered = m.histogram("iq_duration_seconds", "From sending an IQ of ours until its answer, which may be an error.", "component")
	m.unanswered = m.counter("iq_unanswered_total", "IQs of ours that had no answer in time, or whose connection was lost.", "component")
	m.outboxWaiting = m.gauge("outbox_waiting_stanzas", "Stanzas on disk that wait for the XMPP server.", "component")
	m.outboxExpired = m.counter("outbox_expired_total", "Stanzas that waited longer than outbox.max_age and became dead letters.", "component")
	m.bounces = m.counter("bounces_total", "Errors of messages and presence that came back: awaited, whose sender was told at once, or late.", "outcome")
	m.watches = m.gauge("bounce_watches", "Stanzas being sent whose error is watched for; 10000 at most.")
	m.pairs = m.gauge("self_send_pairs", "Pairs of our own addresses between which callers have sent; 10000 at most.")
	m.tooOften = m.counter("self_sends_refused_total", "Stanzas of callers from one of our own addresses to another that were more than 30 in a minute.")
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
	}
	pairs, refused := m.from.SelfSends()
	m.pairs.count(ch, int64(pairs))
	m.tooOften.count(ch, refused)
	b := m.from.Bounces
	m.bounces.count(ch, b.Counters.Awaited.Load(), "awaited")
	m.bounces.count(ch, b.Counters.Others.Load(), "late")
	m.watches.count(ch, int64(b.Watching()))
}
