package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"stanzahook/pkg/delivery"
	"stanzahook/pkg/store"
)

// storePatience is how long a scrape waits for the store.
const storePatience = 2 * time.Second

// storeMetrics are about the store, and the endpoints' metrics that only its files know.
// A store that hangs does not hold up a scrape: its metrics are then missing.
type storeMetrics struct {
	families
	from    *Sources
	workers []*delivery.Worker
	reader  storeReader

	up, bytes, maxBytes, refuses          family
	eventBytes, maxEventBytes             family
	diskFree, diskKeep                    family
	unwritten, unwrittenLog, dropped      family
	connected, reconnects, republished    family
	unconfirmed, unconfirmedFor           family
	held, moved                           family
	overShare                             family
	queuedBytes, oldest, dead, outboxDead family
	keys, keysEarly                       family
}

func newStoreMetrics(from *Sources, workers []*delivery.Worker) *storeMetrics {
	m := &storeMetrics{from: from, workers: workers}
	m.reader.ask, m.reader.patience = m.ask, storePatience
	m.up = m.gauge("store_up", "Whether the store answered this scrape; if not, its metrics are missing.")
	m.bytes = m.gauge("store_bytes", "Bytes of the store on disk.")
	m.maxBytes = m.gauge("store_max_bytes", "The largest size of the store: store.max_bytes.")
	m.refuses = m.gauge("store_refuses", "Whether the store accepts nothing more for now.")
	m.eventBytes = m.gauge("store_event_bytes", "Bytes of queued events, approximately.")
	m.maxEventBytes = m.gauge("store_max_event_bytes", "The largest size of all queued events; over it, none is accepted.")
	m.diskFree = m.gauge("store_disk_free_bytes", "Free bytes on the disk of store.dir.")
	m.diskKeep = m.gauge("store_disk_reserve_bytes", "Bytes kept free there; below, nothing more is accepted.")
	m.unwritten = m.gauge("store_unwritten_events", "Events in memory that are not yet written; at most 8192.")
	m.connected = m.gauge("store_connected", "Whether the store is reached: 0 while a NATS of yours is not connected.")
	m.reconnects = m.counter("store_reconnects_total", "Connections to NATS that were lost and made again.")
	m.republished = m.counter("store_republished_total", "Events that were sent to NATS once more, because it had not confirmed them.")
	m.unconfirmed = m.gauge("store_unwritten", "Events that the store has not confirmed; with NATS, at most 8192 and those under way.")
	m.unconfirmedFor = m.gauge("store_unwritten_seconds", "For how long NATS has not confirmed the oldest of them.")
	m.held = m.gauge("store_held_events", "Finished events that cannot be removed yet, because one before them is not finished.")
	m.moved = m.counter("store_moved_events_total", "Events that moved out of the way of finished ones.")
	m.unwrittenLog = m.gauge("delivery_log_unwritten_bytes", "Bytes of the delivery log that are not yet written; at most 8 MiB.")
	m.dropped = m.counter("delivery_log_dropped_total", "Entries of the delivery log that could not be written; deliveries are not affected.")
	m.overShare = m.counter("over_share_total", "Refused or evicted, because the sender or caller exceeded its share: events, outbox, dead_letters (its own oldest), subscribers.", "of")
	m.queuedBytes = m.gauge("endpoint_queued_bytes", "Bytes of the queued events on disk.", "endpoint")
	m.oldest = m.gauge("endpoint_oldest_event_age_seconds", "Age of the oldest queued event; 0 without one.", "endpoint")
	m.dead = m.gauge("endpoint_dead_letters", "Dead letters of the endpoint.", "endpoint")
	m.outboxDead = m.gauge("outbox_dead_letters", "Dead letters of the outbox.")
	m.keys = m.gauge("idempotency_keys", "Stored Idempotency-Keys, by the name of the token that sent them.", "token")
	m.keysEarly = m.counter("idempotency_keys_forgotten_total", "Answered Idempotency-Keys that were forgotten before their 24 hours, because their token exceeded its share.", "token")
	return m
}

// Collect implements prometheus.Collector.
func (m *storeMetrics) Collect(ch chan<- prometheus.Metric) {
	n := m.from.Store.Load()
	m.refuses.flag(ch, n.Refuses != nil)
	m.eventBytes.count(ch, n.EventBytes)
	m.maxEventBytes.count(ch, n.MaxEventBytes)
	m.unwritten.count(ch, int64(n.Unwritten))
	r := m.from.Store.Remote()
	if r == nil {
		r = &store.Remote{Connected: true, Unwritten: n.Unwritten}
	}
	m.connected.flag(ch, r.Connected)
	m.reconnects.count(ch, r.Reconnects)
	m.republished.count(ch, r.Republished)
	m.unconfirmed.count(ch, int64(r.Unwritten))
	m.unconfirmedFor.set(ch, r.UnwrittenFor.Seconds())
	m.held.count(ch, int64(n.Held))
	m.moved.count(ch, n.Moved)
	m.unwrittenLog.count(ch, int64(n.UnwrittenLog))
	m.dropped.count(ch, int64(m.from.Store.DeliveryLog().Dropped()))
	m.overShare.count(ch, m.from.Store.Queues().Senders.Refused.Load(), "events")
	m.overShare.count(ch, m.from.OutboxShares.Refused.Load(), "outbox")
	m.overShare.count(ch, m.from.Store.DeadLetters().Evicted.Load(), "dead_letters")
	m.overShare.count(ch, m.from.Subscribers.Refused.Load(), "subscribers")
	m.maxBytes.count(ch, n.MaxBytes)
	got, complete := m.reader.read()
	m.up.flag(ch, complete)
	for _, send := range got {
		send(ch)
	}
}

// ask reads the metrics of the store. It reports whether they are complete.
func (m *storeMetrics) ask(ctx context.Context) (got []func(chan<- prometheus.Metric), complete bool) {
	complete = true
	failed := func(err error) {
		complete = false
		m.from.Log.Debug("store metrics missing", zap.Error(err))
	}
	report := func(f family, value float64, labels ...string) {
		got = append(got, func(ch chan<- prometheus.Metric) { f.set(ch, value, labels...) })
	}
	u, err := m.from.Store.Usage(ctx)
	if m.from.Store.Remote() == nil { // the disks of NATS are its own matter
		report(m.diskFree, float64(u.Free))
		report(m.diskKeep, float64(u.Reserve))
	}
	if err != nil {
		failed(err)
	} else {
		report(m.bytes, float64(u.Bytes))
	}
	names := []string{""} // the outbox
	for _, w := range m.workers {
		names = append(names, w.Endpoint().Name)
	}
	if dead, err := m.from.Store.DeadLetters().Counts(ctx, names); err != nil {
		failed(err)
	} else {
		report(m.outboxDead, float64(dead[""]))
		for _, name := range names[1:] {
			report(m.dead, float64(dead[name]), name)
		}
	}
	for _, w := range m.workers {
		name := w.Endpoint().Name
		if !w.Endpoint().Queued {
			continue
		}
		bytes, oldest, err := w.Stored(ctx)
		if err != nil {
			failed(err)
			continue
		}
		age := 0.0
		if !oldest.IsZero() && w.Status().Queued > 0 { // else it is answered, and about to be removed
			age = max(0, time.Since(oldest).Seconds())
		}
		report(m.queuedBytes, float64(bytes), name)
		report(m.oldest, age, name)
	}
	counts, err := m.from.Store.IdempotencyKeys().Counts(ctx)
	if err != nil {
		failed(err)
		return got, complete
	}
	none := make(map[string]bool)
	for _, name := range m.from.Tokens() {
		none[name] = true
	}
	for _, c := range counts {
		delete(none, c.Caller)
		report(m.keys, float64(c.Keys), c.Caller)
		report(m.keysEarly, float64(c.Early), c.Caller)
	}
	for name := range none {
		report(m.keys, 0, name)
		report(m.keysEarly, 0, name)
	}
	return got, complete
}

// storeReader reads a store that may hang, once at a time: all scrapes wait for the same
// read.
type storeReader struct {
	ask      func(context.Context) ([]func(chan<- prometheus.Metric), bool)
	patience time.Duration

	mu      sync.Mutex
	current *storeRead
}

// storeRead is one read.
type storeRead struct {
	done     chan struct{}
	got      []func(chan<- prometheus.Metric) // valid after done, as the next
	complete bool
}

// read returns the metrics that the store reports in time, and whether they are complete.
func (r *storeReader) read() (got []func(chan<- prometheus.Metric), complete bool) {
	r.mu.Lock()
	read := r.current
	if read == nil {
		read = &storeRead{done: make(chan struct{})}
		r.current = read
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), r.patience)
			defer cancel()
			read.got, read.complete = r.ask(ctx)
			r.mu.Lock()
			r.current = nil
			r.mu.Unlock()
			close(read.done)
		}()
	}
	r.mu.Unlock()
	late := time.NewTimer(r.patience)
	defer late.Stop()
	select {
	case <-read.done:
		return read.got, read.complete
	case <-late.C:
		return nil, false
	}
}
