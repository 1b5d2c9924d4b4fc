package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"stanzahook/component/bots"
	"stanzahook/component/presence"
)

// botMetrics are about bots with a profile.
type botMetrics struct {
	families
	from    *bots.Bots
	updates *presence.Updates

	bots, answers, images, read, refused, cached family
	waiting, told, replaced                      family
}

func newBotMetrics(from *Sources) *botMetrics {
	m := &botMetrics{from: from.Bots, updates: from.Updates}
	m.bots = m.gauge("bots", "Bots with a profile, by source: config or api.", "source")
	m.answers = m.counter("bot_answers_total", "Questions about bots with a profile that were answered (service discovery, vCard, avatar).")
	m.images = m.counter("bot_avatars_sent_total", "Answers with the image of an avatar.")
	m.read = m.counter("bot_avatars_read_total", "Images of avatars that were read, as they were not in the cache, by result: ok or failed.", "result")
	m.refused = m.counter("bot_avatars_refused_total", "Questions for the image of an avatar that were refused, by reason: share (their sender has got as many bytes as one may have) or full (too many are being answered).", "reason")
	m.cached = m.gauge("bot_avatars_cached_bytes", "Bytes of images in the cache; at most 8 MiB.")
	m.waiting = m.gauge("bot_updates_waiting", "Bots with a change that waits to be sent. A bot sends changes to 500 subscribers and rooms a second at most; the next change waits for that.")
	m.told = m.counter("bot_updates_sent_total", "Stanzas with changes of bots that were sent to subscribers and rooms.")
	m.replaced = m.counter("bot_updates_replaced_total", "Changes of bots that were not sent, because a later one of the same bot came while they waited.")
	return m
}

// Collect implements prometheus.Collector.
func (m *botMetrics) Collect(ch chan<- prometheus.Metric) {
	if m.from == nil {
		return
	}
	made, all := int64(0), m.from.All()
	for _, b := range all {
		if b.Made {
			made++
		}
	}
	m.bots.count(ch, int64(len(all))-made, "config")
	m.bots.count(ch, made, "api")
	c := &m.from.Counters
	m.answers.count(ch, c.Answers.Load())
	m.images.count(ch, c.Images.Load())
	m.read.count(ch, c.Read.Load()-c.Failed.Load(), "ok")
	m.read.count(ch, c.Failed.Load(), "failed")
	m.refused.count(ch, c.Refused.Load(), "share")
	m.refused.count(ch, c.Crowded.Load(), "full")
	m.cached.count(ch, m.from.Cached())
	m.waiting.count(ch, int64(m.updates.Waiting()))
	m.told.count(ch, m.updates.Counters.Told.Load())
	m.replaced.count(ch, m.updates.Counters.Replaced.Load())
}
