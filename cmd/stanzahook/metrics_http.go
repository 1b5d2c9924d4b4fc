package main

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

	server            *httpapi.Server // set before it starts
	connections, most family
}

func newHTTPMetrics() *httpMetrics {
	var bounds []float64
	for _, b := range timing.Bounds() {
		bounds = append(bounds, b.Seconds())
	}
	m := &httpMetrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "stanzahook_http_requests_total",
			Help: "HTTP requests that were answered, by the template of the path (none: there is nothing at it) and the status of the answer."}, []string{"route", "code"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "stanzahook_http_request_duration_seconds", Buckets: bounds,
			Help: "How long HTTP requests took until the answer was written; those that wait for events, or for an answer, take as long as they wait."}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "stanzahook_http_requests_in_flight", Help: "HTTP requests under way, the scrape among them."}),
	}
	m.connections = m.gauge("http_connections", "Open connections of the HTTP server.")
	m.most = m.gauge("http_max_connections", "Connections that may be open.")
	return m
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
	open, most := m.server.Connections()
	m.connections.count(ch, int64(open))
	m.most.count(ch, int64(most))
}
