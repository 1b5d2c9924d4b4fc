package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

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
	logins, failing, loginsDenied family

	from *Sources
}

func newHTTPMetrics(from *Sources) *httpMetrics {
	var bounds []float64
	for _, b := range timing.Bounds() {
		bounds = append(bounds, b.Seconds())
	}
	m := &httpMetrics{from: from,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "stanzahook_http_requests_total",
			Help: "HTTP requests that were answered, by the template of the path (none: there is nothing at it) and the status of the answer."}, []string{"route", "code"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "stanzahook_http_request_duration_seconds", Buckets: bounds,
			Help: "How long HTTP requests took until the answer was written; those that wait for events, or for an answer, take as long as they wait."}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "stanzahook_http_requests_in_flight", Help: "HTTP requests under way, the scrape among them."}),
	}
	m.connections = m.gauge("http_connections", "Open connections of the HTTP server.")
	m.most = m.gauge("http_max_connections", "Connections that may be open.")
	m.slots = m.gauge("http_slots", "Places for requests of tokens and accounts that are under way: all of them (most), the last ones for the scope admin (kept), what one caller may have (share).", "bound")
	m.slotsOf = m.gauge("http_slots_in_use", "Places that are taken, by the token's name, accounts (all of them), or anonymous.", "caller")
	m.refused = m.counter("http_slots_refused_total", "Requests that got no place, or no memory for their body: their caller has as much as one may have (share, 429), or all of it is taken (full, 503).", "reason")
	m.logins = m.gauge("http_logins", "Logins of accounts for /msg: under way, or waiting for one of those to end.", "state")
	m.loginsDenied = m.counter("http_logins_refused_total", "Logins that were not tried: too many are under way (full, 503), or failed before (failures, 429; also of the secrets of components and of tokens).", "reason")
	m.failing = m.gauge("http_login_failures", "Keys in the tables of failed logins of the last minute, by what they are counted by, and addresses from which accounts have logged in in the last 24 hours (known).", "table")
	return m
}

// collectShares tells how what callers share is taken.
func (m *httpMetrics) collectShares(ch chan<- prometheus.Metric) {
	slots := m.from.Server().Slots()
	for bound, n := range map[string]int{"most": slots.Most, "kept": slots.Kept, "share": slots.Share} {
		m.slots.count(ch, int64(n), bound)
	}
	used := make(map[string]int)
	for _, name := range m.from.Tokens() {
		used[name] = 0
	}
	for _, of := range slots.By {
		used[of.Caller] = of.Used
	}
	for caller, n := range used {
		m.slotsOf.count(ch, int64(n), caller)
	}
	for reason, n := range slots.Refused {
		m.refused.count(ch, n, reason)
	}
	logins, failures := m.from.Logins.Counts(), m.from.Failures.Counts()
	m.logins.count(ch, int64(logins.UnderWay), "under_way")
	m.logins.count(ch, int64(logins.Waiting), "waiting")
	m.loginsDenied.count(ch, logins.Refused, "full")
	m.loginsDenied.count(ch, failures.Refused, "failures")
	for table, n := range map[string]int{"pairs": failures.Pairs, "names": failures.Names, "addresses": failures.Addresses, "known": failures.Known} {
		m.failing.count(ch, int64(n), table)
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
