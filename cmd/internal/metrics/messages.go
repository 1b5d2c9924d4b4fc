package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stanzahook/component/bounce"
	"stanzahook/component/corrections"
	"stanzahook/component/forward"
	"stanzahook/pkg/message"
)

// Messages are what knows messages.
type Messages struct {
	Forward    *forward.Forward
	Unreadable *forward.Unreadable
	Recent     *message.Recent
	Questions  *message.Questions
	Quiet      *bounce.Quiet

	Corrections *corrections.Corrections
}

// messageMetrics are about what people do with messages.
type messageMetrics struct {
	families
	from *Sources

	unlisted, ids, bytes, unreadable, quiet, questions, buttons, choices, forgotten, corrections, replaced family
}

func newMessageMetrics(from *Sources) *messageMetrics {
	m := &messageMetrics{from: from}
	m.unlisted = m.counter("messages_unlisted_total", "Messages that are no event, because the endpoint does not list their kind, or they are encrypted.")
	m.ids = m.gauge("recent_message_ids", "Ids of messages of the last day that are remembered, to know authors and to quote.")
	m.bytes = m.gauge("recent_message_bytes", "Bytes that these take; at most 16 MiB and some for the ids.")
	m.unreadable = m.counter("encrypted_messages_answered_total", "Answers to encrypted messages: answered, or dropped (too many at once).", "outcome")
	m.quiet = m.counter("quiet_bounces_total", "Errors of our typing, markers, receipts and reactions that came back and are no event.")
	m.questions = m.gauge("button_questions", "Conversations whose last buttons are remembered, for an hour; at most 10,000. Over that the oldest goes of the bot that has most.")
	m.buttons = m.gauge("button_bytes", "Bytes that these take; at most 8 MiB.")
	m.choices = m.counter("button_choices_total", "Messages that chose a button.")
	m.forgotten = m.counter("button_questions_dropped_total", "Conversations whose buttons were forgotten early, because there were too many.")
	m.corrections = m.gauge("corrections_waiting", "Messages with a correction that waits on disk, because another one was sent a moment ago; 2000 at most.")
	m.replaced = m.counter("corrections_replaced_total", "Corrections that were not sent, because a newer one or a retraction was.")
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
	questions, size, forgotten := x.Questions.Count(time.Now())
	m.questions.count(ch, int64(questions))
	m.buttons.count(ch, int64(size))
	m.choices.count(ch, x.Forward.Choices.Load())
	m.forgotten.count(ch, forgotten)
	m.corrections.count(ch, int64(x.Corrections.Count()))
	m.replaced.count(ch, x.Corrections.Counters.Replaced.Load())
}
