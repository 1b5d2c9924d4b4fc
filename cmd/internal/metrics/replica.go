package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"stanzahook/pkg/replica"
)

// replicaMetrics are about the role of this process among replicas. Without a store on NATS
// there are none.
type replicaMetrics struct {
	families
	status                          func() *replica.Status
	requests                        func() (counts map[string]int64, waiting int64)
	active, epoch, heard, takeovers family
	sameConfig, sameSecrets, lost   family
	forwarded, forwarding           family
}

func newReplicaMetrics(status func() *replica.Status, requests func() (map[string]int64, int64)) *replicaMetrics {
	m := &replicaMetrics{status: status, requests: requests}
	m.active = m.gauge("replica_active", "Whether this replica is the active one.")
	m.epoch = m.gauge("replica_epoch", "By which it is active: each takeover has a higher one; 0: it is a standby.")
	m.heard = m.gauge("replicas_heard", "Replicas of this installation that this one hears, itself included.")
	m.sameConfig = m.gauge("replica_same_config", "Whether the configuration of this replica, without secrets, replica and http.listen, is that of the active one. Not there while none is known.")
	m.sameSecrets = m.gauge("replica_same_secrets", "Whether the secrets of this replica are those of the active one. Not there while none is known.")
	m.takeovers = m.counter("takeovers_total", "Times that this process became the active replica: first (there was none), silence (the one before died), bye (it has handed over).", "reason")
	m.lost = m.counter("replica_lost_events_total", "Events that this replica had read when it lost the role, and that were neither stored nor returned to their senders: the XMPP server had ended the connection by then.")
	m.forwarded = m.counter("forwarded_total", "HTTP requests that this replica, as a standby, has passed on to the active one: answered, unavailable (503: none was active), lost (502: the active one died with it), cut (it died while it answered), gone (the caller went).", "outcome")
	m.forwarding = m.gauge("forwarding", "HTTP requests that this replica passes on now, or holds until another one is active.")
	return m
}

// Collect implements prometheus.Collector.
func (m *replicaMetrics) Collect(ch chan<- prometheus.Metric) {
	st := m.status()
	if st == nil {
		return
	}
	m.active.flag(ch, st.Epoch > 0)
	m.epoch.count(ch, int64(st.Epoch))
	heard := 0
	for i := range st.Replicas {
		r := &st.Replicas[i]
		if r.Me && st.Holder.Replica != "" {
			m.sameConfig.flag(ch, st.SameConfig(r))
			m.sameSecrets.flag(ch, st.SameSecrets(r))
		}
		if r.State != replica.Silent && (!r.Me || st.Hears) {
			heard++
		}
	}
	m.heard.count(ch, int64(heard))
	for _, reason := range replica.Reasons() {
		m.takeovers.flag(ch, st.Reason == reason, reason)
	}
	m.lost.count(ch, st.Lost)
	counts, waiting := m.requests()
	for outcome, n := range counts {
		m.forwarded.count(ch, n, outcome)
	}
	m.forwarding.count(ch, waiting)
}

// Standby serves the metrics of a standby: those of the process, and of its role. It has none of
// links and endpoints, so that sums over all replicas are right.
func Standby(started time.Time, status func() *replica.Status, requests func() (map[string]int64, int64), log *zap.Logger) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), newProgramMetrics(&Sources{Started: started}), newReplicaMetrics(status, requests))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorLog: scrapeLog{log}, ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: maxScrapes})
}
