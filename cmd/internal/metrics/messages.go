package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"stanzahook/component/bounce"
	"stanzahook/component/forward"
	"stanzahook/pkg/message"
)

// Messages are what knows messages.
type Messages struct {
	Forward    *forward.Forward
	Unreadable *forward.Unreadable
	Recent     *message.Recent
	Quiet      *bounce.Quiet
}

// messageMetrics are about what people do with messages.
type messageMetrics struct {
	families
	from *Sources

	unlisted, ids, bytes, unreadable, quiet family
}

func newMessageMetrics(from *Sources) *messageMetrics {
	m := &messageMetrics{from: from}
	m.unlisted = m.counter("messages_unlisted_total", "Messages that are no event, because the endpoint does not list their kind, or they are encrypted.")
	m.ids = m.gauge("recent_message_ids", "Ids of messages of the last day that are remembered, to know authors and to quote.")
	m.bytes = m.gauge("recent_message_bytes", "Bytes that these take; at most 16 MiB and some for the ids.")
	m.unreadable = m.counter("encrypted_messages_answered_total", "Answers to encrypted messages: answered, or dropped (too many at once).", "outcome")
	m.quiet = m.counter("quiet_bounces_total", "Errors of our typing, markers, receipts and reactions that came back and are no event.")
	return m
}

// Collect implements prometheus.Collector.
func (m *messageMetrics) Collect(ch chan<- prometheus.Metric) {
	x := &m.from.Messages
	m.unlisted.count(ch, x.Forward.Unlisted.Load())
	ids, bytes := x.Recent.Len()
	m.ids.count(ch, int64(ids))
	m.bytes.count(ch, int64(bytes))
	m.unreadable.count(ch, x.Unreadable.Answers.Load(), "answered")
	m.unreadable.count(ch, x.Unreadable.Dropped.Load(), "dropped")
	m.quiet.count(ch, x.Quiet.Swallowed.Load())
}
