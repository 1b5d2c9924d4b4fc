package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"stanzahook/component/rooms"
	"stanzahook/component/services"
)

// roomMetrics are about the rooms that bots are kept in.
type roomMetrics struct {
	families
	from     *rooms.Rooms
	services *services.Services
	said     func() int

	unsaid, silent, rooms, joins, refusals, missed, own, muted, unacknowledged, invites, waiting, bytes, deferred, dropped, placeless family
}

func newRoomMetrics(from *Sources) *roomMetrics {
	m := &roomMetrics{from: from.Rooms, services: from.Services, said: from.SaidWaiting}
	m.silent = m.gauge("service_silent", "1 for a service of the XMPP server that answers no IQs of the component, 0 for one that does, or was just asked.", "component", "service")
	m.rooms = m.gauge("rooms", "Bots in rooms, by state: waiting, joining, joined or refused.", "state")
	m.joins = m.counter("room_joins_total", "Joins that succeeded; after each connection all rooms are joined again.")
	m.refusals = m.counter("room_refusals_total", "Rooms that have refused a bot, or put it out.")
	m.placeless = m.counter("room_places_refused_total", "Rooms that the API or an invitation would have added, by reason: share (of the caller, or of invitations) or full (room_policy.max_rooms).", "reason")
	m.missed = m.counter("room_missed_messages_total", "Messages that were said while a bot was away, and found afterwards.")
	m.own = m.counter("room_own_messages_total", "Messages of our own bots that rooms have sent back; they are no events.")
	m.muted = m.counter("room_answers_dropped_total", "Answers of webhooks to rooms over room_policy.max_answers_per_minute.")
	m.unacknowledged = m.counter("room_acknowledgements_dropped_total", "Reactions of endpoints[].acknowledge to rooms over twice room_policy.max_answers_per_minute, or while its answers are used up.")
	m.invites = m.counter("room_invitations_total", "Invitations of bots to rooms.")
	m.unsaid = m.gauge("room_messages_waiting", "Messages to rooms that wait on disk until their bot is in the room; 10000 at most.")
	m.waiting = m.gauge("room_events_waiting", "Events of rooms that wait in memory, as the queue of their endpoint has no room.")
	m.bytes = m.gauge("room_events_waiting_bytes", "Bytes of these events; at most 16 MiB.")
	m.deferred = m.counter("room_events_deferred_total", "Events of rooms that a queue had no room for; they are offered again.")
	m.dropped = m.counter("room_events_dropped_total", "Events of rooms that found no room to wait, either. The room is asked for its messages again.")
	return m
}

// Collect implements prometheus.Collector.
func (m *roomMetrics) Collect(ch chan<- prometheus.Metric) {
	if m.from == nil {
		return
	}
	if m.said != nil {
		m.unsaid.set(ch, float64(m.said()))
	}
	for _, o := range m.services.All() {
		silent := int64(0)
		if o.Silent() {
			silent = 1
		}
		m.silent.count(ch, silent, o.Component, o.Service.String())
	}
	for state, n := range m.from.Counts() {
		m.rooms.count(ch, int64(n), string(state))
	}
	c := &m.from.Counters
	m.joins.count(ch, c.Joins.Load())
	m.refusals.count(ch, c.Refusals.Load())
	m.placeless.count(ch, c.OverShare.Load(), "share")
	m.placeless.count(ch, c.Full.Load(), "full")
	m.missed.count(ch, c.Missed.Load())
	m.own.count(ch, c.Own.Load())
	m.muted.count(ch, c.Muted.Load())
	m.unacknowledged.count(ch, c.Unacknowledged.Load())
	m.invites.count(ch, c.Invites.Load())
	events, bytes := m.from.Waiting()
	m.waiting.count(ch, int64(events))
	m.bytes.count(ch, int64(bytes))
	m.deferred.count(ch, c.Deferred.Load())
	m.dropped.count(ch, c.Dropped.Load())
}
