// Package metrics exports what the program counts to Prometheus. deploy/guide/monitoring.md
// describes every metric.
package metrics

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"stanzahook/cmd/internal/build"
	"stanzahook/component"
	"stanzahook/component/bots"
	"stanzahook/component/bounce"
	"stanzahook/component/commands"
	"stanzahook/component/outbox"
	"stanzahook/component/presence"
	"stanzahook/component/rooms"
	"stanzahook/component/services"
	"stanzahook/httpapi"
	"stanzahook/httpapi/hooks"
	"stanzahook/httpapi/postmsg"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/replica"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/store"
	"stanzahook/pkg/tail"
	"stanzahook/pkg/timing"
	"stanzahook/pkg/tracing"
	"stanzahook/pkg/upload"
)

// Path is that of the metrics.
const Path = "/metrics"

// maxScrapes bounds the scrapes at a time; others get a 503.
const maxScrapes = 10

// Sources are the parts of the program whose counters the metrics read.
type Sources struct {
	Started      time.Time                  // of the process
	Links        map[string]*component.Link // by domain
	Outboxes     map[string]*outbox.Outbox  // by domain
	OutboxShares *store.Shares
	Bounces      *bounce.Watcher
	Messages     Messages
	Rooms        *rooms.Rooms
	Services     *services.Services // with Rooms
	Uploads      *upload.Uploads
	Bots         *bots.Bots
	Updates      *presence.Updates // with Bots
	Commands     *commands.Commands
	SelfSends    func() (pairs int, refused int64)
	Subscribers  *presence.Subscribers
	Rosters      *roster.Rosters
	Removed      *delivery.Removed
	Made         func() int // endpoints of the API
	Listeners    func() int // temporary endpoints
	Store        *store.Store
	Server       func() *httpapi.Server // asked only while the server runs
	Failures     *httpapi.Failures
	Logins       *postmsg.Logins
	Tail         *tail.Tail
	Tokens       func() []string // the names of the tokens, as configured now
	Hooks        func() []hooks.Status
	HookThreads  func(hook string) int
	HookBack     func() hooks.Back
	SaidWaiting  func() int
	Replica      func() *replica.Status           // nil: none
	Forwarded    func() (map[string]int64, int64) // requests by outcome, and those that wait
	Traces       func() tracing.Counts
	Log          *zap.Logger
}

// Metrics serves GET /metrics. A scrape reads the counters of the sources; only
// the requests of our own HTTP server are counted here.
type Metrics struct {
	sources  *Sources
	http     *httpMetrics
	registry *prometheus.Registry // of what stays over reloads
}

// New returns the metrics of a program.
func New(from Sources) *Metrics {
	m := &Metrics{sources: &from, http: newHTTPMetrics(&from), registry: prometheus.NewRegistry()}
	m.registry.MustRegister( // two of one name are a bug
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		newProgramMetrics(&from), newLinkMetrics(&from), newMessageMetrics(&from), newRoomMetrics(&from), newUploadMetrics(&from), newBotMetrics(&from), newCommandMetrics(&from), newRosterMetrics(&from), newHookMetrics(&from), newTailMetrics(&from), newReplicaMetrics(from.Replica, from.Forwarded), newTraceMetrics(&from), m.http)
	return m
}

// Observer counts the requests of the HTTP server.
func (m *Metrics) Observer() httpapi.Observer { return m.http }

// Route serves the metrics, as long as these are the workers. It is for
// everybody: see httpapi.Options.Open.
func (m *Metrics) Route(workers []*delivery.Worker) httpapi.Route {
	theirs := prometheus.NewRegistry()
	theirs.MustRegister(newEndpointMetrics(workers, m.sources), newStoreMetrics(m.sources, workers))
	all := prometheus.Gatherers{m.registry, theirs}
	return httpapi.Route{Method: http.MethodGet, Path: Path, Handler: promhttp.HandlerFor(all, promhttp.HandlerOpts{
		ErrorLog: scrapeLog{m.sources.Log}, ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: maxScrapes,
	})}
}

// scrapeLog logs what the library finds wrong, which is a bug.
type scrapeLog struct{ *zap.Logger }

// Println implements promhttp.Logger.
func (l scrapeLog) Println(v ...any) {
	l.Error("metrics scrape incomplete", zap.String("error", strings.TrimSpace(fmt.Sprintln(v...))))
}

// families are the metrics of a collector, which embeds them.
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

// set reports a value.
func (f family) set(ch chan<- prometheus.Metric, value float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(f.desc, f.kind, value, labels...)
}

// count reports a number of things.
func (f family) count(ch chan<- prometheus.Metric, n int64, labels ...string) {
	f.set(ch, float64(n), labels...)
}

// flag reports yes or no.
func (f family) flag(ch chan<- prometheus.Metric, yes bool, labels ...string) {
	n := 0.0
	if yes {
		n = 1
	}
	f.set(ch, n, labels...)
}

// oneOf reports which of several states holds; the state is the last label.
func (f family) oneOf(ch chan<- prometheus.Metric, is string, states []string, labels ...string) {
	for _, s := range states {
		f.flag(ch, s == is, append(labels[:len(labels):len(labels)], s)...)
	}
}

// times reports durations.
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
	began          time.Time
	build, started family
}

func newProgramMetrics(from *Sources) *programMetrics {
	m := &programMetrics{began: from.Started}
	m.build = m.gauge("build_info", "Always 1; the labels name the build.", "version", "commit")
	m.started = m.gauge("started_timestamp_seconds", "When the process started.")
	return m
}

// Collect implements prometheus.Collector.
func (m *programMetrics) Collect(ch chan<- prometheus.Metric) {
	b := build.Read()
	m.build.set(ch, 1, b.Version, b.Commit)
	m.started.set(ch, seconds(m.began))
}
