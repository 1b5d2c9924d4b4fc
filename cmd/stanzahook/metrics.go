package main

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"stanzahook/cmd/internal/build"
	"stanzahook/httpapi"
	"stanzahook/pkg/timing"
	"stanzahook/pkg/webhook"
)

const (
	metricsPath = "/metrics"
	// maxScrapes bounds the scrapes at a time; others get a 503.
	maxScrapes = 10
)

// metrics is what GET /metrics tells. What the parts count is read when it is
// asked for; only requests of our own HTTP server are counted here. Everything
// is described in deploy/guide/monitoring.md.
type metrics struct {
	a        *app
	http     *httpMetrics
	registry *prometheus.Registry // of what stays over reloads
}

func newMetrics(a *app) *metrics {
	m := &metrics{a: a, http: newHTTPMetrics(a), registry: prometheus.NewRegistry()}
	m.registry.MustRegister( // two of one name are a bug
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		newProgramMetrics(a), newLinkMetrics(a), newRosterMetrics(a), m.http)
	return m
}

// route serves the metrics, as long as these are the workers. It is for
// everybody: see httpapi.Options.Open.
func (m *metrics) route(workers []*webhook.Worker) httpapi.Route {
	theirs := prometheus.NewRegistry()
	theirs.MustRegister(newEndpointMetrics(workers, m.a.retired), newStoreMetrics(m.a, workers))
	all := prometheus.Gatherers{m.registry, theirs}
	return httpapi.Route{Method: http.MethodGet, Path: metricsPath, Handler: promhttp.HandlerFor(all, promhttp.HandlerOpts{
		ErrorLog: scrapeLog{m.a.log}, ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: maxScrapes,
	})}
}

// scrapeLog is the log for what the library finds wrong: a bug, as all is tested.
type scrapeLog struct{ *zap.Logger }

// Println implements promhttp.Logger.
func (l scrapeLog) Println(v ...any) {
	l.Error("some metrics are left out of a scrape", zap.String("error", strings.TrimSpace(fmt.Sprintln(v...))))
}

// families are what a collector tells of. It embeds them.
type families []*prometheus.Desc

// Describe implements prometheus.Collector.
func (f *families) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range *f {
		ch <- d
	}
}

// family is one metric, with all values of its labels. What has few labels has
// few series: none of them has a value that a stranger can choose.
type family struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func (f *families) family(kind prometheus.ValueType, name, help string, labels []string) family {
	d := prometheus.NewDesc("stanzahook_"+name, help, labels, nil)
	*f = append(*f, d)
	return family{d, kind}
}

func (f *families) gauge(name, help string, labels ...string) family {
	return f.family(prometheus.GaugeValue, name, help, labels)
}

func (f *families) counter(name, help string, labels ...string) family {
	return f.family(prometheus.CounterValue, name, help, labels)
}

// histogram is a family for times.
func (f *families) histogram(name, help string, labels ...string) family {
	return f.family(prometheus.UntypedValue, name, help, labels)
}

// set tells a value.
func (f family) set(ch chan<- prometheus.Metric, value float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(f.desc, f.kind, value, labels...)
}

// count tells a number of things.
func (f family) count(ch chan<- prometheus.Metric, n int64, labels ...string) {
	f.set(ch, float64(n), labels...)
}

// flag tells yes or no.
func (f family) flag(ch chan<- prometheus.Metric, yes bool, labels ...string) {
	n := 0.0
	if yes {
		n = 1
	}
	f.set(ch, n, labels...)
}

// oneOf tells which of several states holds; the state is the last label.
func (f family) oneOf(ch chan<- prometheus.Metric, is string, states []string, labels ...string) {
	for _, s := range states {
		f.flag(ch, s == is, append(labels[:len(labels):len(labels)], s)...)
	}
}

// times tells how long things took.
func (f family) times(ch chan<- prometheus.Metric, h *timing.Histogram, labels ...string) {
	s := h.Snapshot()
	buckets := make(map[float64]uint64, len(s.Buckets))
	for i, bound := range timing.Bounds() {
		buckets[bound.Seconds()] = s.Buckets[i]
	}
	ch <- prometheus.MustNewConstHistogram(f.desc, s.Count, s.Sum.Seconds(), buckets, labels...)
}

// programMetrics are about the process itself.
type programMetrics struct {
	families
	a              *app
	build, started family
}

func newProgramMetrics(a *app) *programMetrics {
	m := &programMetrics{a: a}
	m.build = m.gauge("build_info", "Always 1; the labels say which stanzahook this is.", "version", "commit")
	m.started = m.gauge("started_timestamp_seconds", "When the process was started.")
	return m
}

// Collect implements prometheus.Collector.
func (m *programMetrics) Collect(ch chan<- prometheus.Metric) {
	b := build.Read()
	m.build.set(ch, 1, b.Version, b.Commit)
	m.started.set(ch, seconds(m.a.started))
}
