package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stanzahook/httpapi"
	"stanzahook/pkg/timing"
)

// httpMetrics are about the HTTP server, whose observer they are.
type httpMetrics struct {
	families
	requests *prometheus.CounterVec
	took     *prometheus.HistogramVec
	inFlight prometheus.Gauge

	connections, most family

	slots, slotsOf, refused       family
	places, waiting, unplaced     family
	logins, failing, loginsDenied family
	strangers, strangersNow       family

	from *Sources
}

func newHTTPMetrics(from *Sources) *httpMetrics {
	var bounds []float64
	for _, b := range timing.Bounds() {
		bounds = append(bounds, b.Seconds())
	}
	m := &httpMetrics{from: from,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "stanzahook_http_requests_total",
			Help: "HTTP requests answered, by path template (none: unknown path) and status."}, []string{"route", "code"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "stanzahook_http_request_duration_seconds", Buckets: bounds,
			Help: "Duration of HTTP requests until the answer was written, including the time that they wait for events or answers."}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "stanzahook_http_requests_in_flight", Help: "HTTP requests in progress, including the scrape."}),
	}
	m.connections = m.gauge("http_connections", "Open connections of the HTTP server.")
	m.most = m.gauge("http_max_connections", "The largest number of open connections.")
	m.slots = m.gauge("http_slots", "Slots for authenticated requests in progress: all (most), reserved for the scope admin (kept), for one caller (share).", "bound")
	m.slotsOf = m.gauge("http_slots_in_use", "Slots in use, by the token's name, accounts (all together), or anonymous.", "caller")
	m.refused = m.counter("http_slots_refused_total", "Requests without a slot, or without memory for their body: their caller exceeded its share (share, 429), or all are in use (full, 503).", "reason")
	m.places = m.gauge("http_waiting_places", "Places for authenticated requests that wait for events, answers of people or states, and have no slot: all (most), reserved for the scope admin (kept), for one caller (share).", "bound")
	m.waiting = m.gauge("http_waiting", "Authenticated requests that wait, without a slot, by the token's name, accounts (all together), or anonymous.", "caller")
	m.unplaced = m.counter("http_waiting_refused_total", "Requests that wait and keep their slot: their caller has its share of the places (share), or all are in use (full).", "reason")
	m.strangers = m.counter("http_strangers_total", "Refused requests of callers that nobody knows (a wrong secret, signature, token or password, or a path that is none): answered at once (at_once), after a wait for their turn (delayed), 5 to 10 seconds late with the end of their connection, as too many waited (tarpit), or with its end at once, as too many were in the tarpit (closed).", "answer")
	m.strangersNow = m.gauge("http_strangers", "Refused requests of callers that nobody knows: those that wait for their turn (waiting, 2000 at most), and those that are answered late (tarpit, a quarter of all connections at most). While there is a crowd of them: new connections of anybody whose request has not come yet (arriving).", "state")
	m.logins = m.gauge("http_logins", "Logins of accounts for /msg: in progress or waiting.", "state")
	m.loginsDenied = m.counter("http_logins_refused_total", "Logins that were not tried: too many in progress (full, 503), or too many failed before (failures, 429; also secrets of components and tokens).", "reason")
	m.failing = m.gauge("http_login_failures", "Entries in the tables of failed logins of the last minute, by key, and addresses from which accounts logged in within 24 hours (known).", "table")
	return m
}

// collectShares reports the use of what callers share.
func (m *httpMetrics) collectShares(ch chan<- prometheus.Metric) {
	handler := m.from.Server().Handler()
	m.collectSlots(ch, handler.Slots(), &m.slots, &m.slotsOf, &m.refused)
	m.collectSlots(ch, handler.Waiting(), &m.places, &m.waiting, &m.unplaced)
	wrong := handler.Strangers()
	m.strangers.count(ch, wrong.Answered-wrong.Delayed-wrong.Late-wrong.Closed, "at_once")
	m.strangers.count(ch, wrong.Delayed, "delayed")
	m.strangers.count(ch, wrong.Late, "tarpit")
	m.strangers.count(ch, wrong.Closed, "closed")
	m.strangersNow.count(ch, int64(wrong.Waiting), "waiting")
	m.strangersNow.count(ch, int64(wrong.InTarpit), "tarpit")
	m.strangersNow.count(ch, int64(wrong.Arriving), "arriving")
	logins, failures := m.from.Logins.Counts(), m.from.Failures.Counts()
	m.logins.count(ch, int64(logins.UnderWay), "under_way")
	m.logins.count(ch, int64(logins.Waiting), "waiting")
	m.loginsDenied.count(ch, logins.Refused, "full")
	m.loginsDenied.count(ch, failures.Refused, "failures")
	for table, n := range map[string]int{"pairs": failures.Pairs, "names": failures.Names, "addresses": failures.Addresses, "known": failures.Known} {
		m.failing.count(ch, int64(n), table)
	}
}

// collectSlots reports the use of slots, or of places.
func (m *httpMetrics) collectSlots(ch chan<- prometheus.Metric, slots httpapi.Slots, bounds, by, refused *family) {
	for bound, n := range map[string]int{"most": slots.Most, "kept": slots.Kept, "share": slots.Share} {
		bounds.count(ch, int64(n), bound)
	}
	used := make(map[string]int)
	for _, name := range m.from.Tokens() {
		used[name] = 0
	}
	for _, of := range slots.By {
		used[of.Caller] = of.Used
	}
	for caller, n := range used {
		by.count(ch, int64(n), caller)
	}
	for reason, n := range slots.Refused {
		refused.count(ch, n, reason)
	}
}

// Began implements httpapi.Observer.
func (m *httpMetrics) Began() { m.inFlight.Inc() }

// Ended implements httpapi.Observer.
func (m *httpMetrics) Ended(route string, status int, took time.Duration) {
	m.inFlight.Dec()
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.took.WithLabelValues(route).Observe(took.Seconds())
}

// Describe implements prometheus.Collector.
func (m *httpMetrics) Describe(ch chan<- *prometheus.Desc) {
	m.families.Describe(ch)
	m.requests.Describe(ch)
	m.took.Describe(ch)
	m.inFlight.Describe(ch)
}

// Collect implements prometheus.Collector.
func (m *httpMetrics) Collect(ch chan<- prometheus.Metric) {
	m.requests.Collect(ch)
	m.took.Collect(ch)
	m.inFlight.Collect(ch)
	open, most := m.from.Server().Connections()
	m.connections.count(ch, int64(open))
	m.most.count(ch, int64(most))
	m.collectShares(ch)
}
