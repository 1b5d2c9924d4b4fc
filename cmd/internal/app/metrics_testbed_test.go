package app

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"stanzahook/cmd/internal/metrics"
	"stanzahook/deploy/lab/harness"
	"stanzahook/httpapi/forward"
	"stanzahook/pkg/replica"
	"stanzahook/pkg/stanza"
)

// measured is a program with everything that has metrics, an XMPP server in
// process, and a bot.
type measured struct {
	*running
	bot  *httptest.Server
	logs *observer.ObservedLogs
	text string // of the configuration
}

const measuredToken = "the-token-of-an-operator"

// startMeasured starts it. The bot answers what it is told to: a status, once
// and then 204; a text, as a reply. What begins with "direct" goes to an endpoint
// with direct delivery.
func startMeasured(t *testing.T) *measured {
	t.Helper()
	var failures atomic.Int64
	bot := newWeb(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		text := string(body)
		switch {
		case err != nil:
		case strings.Contains(text, "refuse this"):
			w.WriteHeader(http.StatusUnprocessableEntity)
		case strings.Contains(text, "fail once") && failures.Add(1) == 1, strings.Contains(text, "fail directly"):
			w.WriteHeader(http.StatusServiceUnavailable)
		case strings.Contains(text, "answer this"):
			w.Header().Set("Content-Type", "text/plain")
			fmt.Fprint(w, "an answer")
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	})
	peer := &rosterPeer{rosters: make(map[string]map[string]string)}
	srv, contacts := peer.start(t)
	text := fmt.Sprintf(`
rosters: [{host: example.com, url: %q}]
endpoints:
- {name: direct, url: %q, delivery: direct, stanzas: [message, iq], match: {to: "direct@*"}}
- {name: pulled, match: {to: "pulled@*"}}
- {name: bot, url: %q, headers: {Authorization: "Bearer a-secret-of-the-bot"}, retry: {schedule: [10ms]}}
hooks: [{name: alerts, adapter: text, verify: none, from: alerts@bot.example.com, to: [juliet@example.com]}]
http: {listen: "127.0.0.1:0", tokens: [{name: ops, hash: "sha256:%x", scopes: [send, query, roster, admin]}]}
`, contacts, bot.URL+"/direct?key=secret-in-a-query", bot.URL, sha256.Sum256([]byte(measuredToken)))
	core, logs := observer.New(zapcore.InfoLevel)
	return &measured{startAt(t, srv, zap.New(core), text), bot, logs, text}
}

// message writes a message to an address of the component.
func (m *measured) message(id, to, body string) {
	m.srv.Send(fmt.Sprintf("<message type='chat' id='%s' from='juliet@example.com/r' to='%s@bot.example.com'><body>%s</body></message>", id, to, body))
}

// post posts JSON and wants a status.
func (m *measured) post(path, body string, status int) {
	m.t.Helper()
	if got, text := m.call(measuredToken, "POST", path, body); got != status {
		m.t.Fatalf("POST %s: %d %s", path, got, text)
	}
}

// exercise does something that every metric has to do with.
func (m *measured) exercise() {
	m.t.Helper()
	m.message("1", "echo", "answer this")
	m.srv.Expect("the answer", func(s *stanza.Stanza) bool { return s.Kind == stanza.Message && s.Type == "chat" })
	m.message("2", "echo", "fail once")
	m.message("3", "echo", "refuse this")
	m.srv.ExpectID("3")
	m.message("4", "direct", "fail directly")
	m.srv.ExpectID("4")
	m.message("5", "pulled", "wait")
	m.srv.Send("<message type='error' id='6' from='juliet@example.com' to='nobody@bot.example.com'/><other xmlns='urn:x'/><iq type='result' id='7' from='juliet@example.com' to='bot.example.com'/>")
	m.post("/v1/messages?wait=5s", `{"to":"juliet@example.com","body":"hi"}`, http.StatusOK)
	m.post("/v1/iq", `{"to":"juliet@example.com/r","type":"get","ping":true}`, http.StatusOK)
	m.post("/v1/rosters/juliet@example.com/refresh", "", http.StatusOK)
	m.post("/nothing/here", "", http.StatusNotFound)
}

// scrape gets the metrics, as text and parsed.
func (m *measured) scrape() (string, map[string]*dto.MetricFamily) {
	m.t.Helper()
	resp, err := http.Get("http://" + m.Addr + metrics.Path)
	require.NoError(m.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain; version=0.0.4") {
		m.t.Fatalf("%d %s %v: %s", resp.StatusCode, resp.Header.Get("Content-Type"), err, text)
	}
	p := expfmt.NewTextParser(model.LegacyValidation)
	parsed, err := p.TextToMetricFamilies(strings.NewReader(string(text)))
	if err != nil {
		m.t.Fatalf("it does not parse: %v\n%s", err, text)
	}
	for name, f := range replicaFamilies(m.t) {
		if parsed[name] == nil {
			parsed[name] = f
		}
	}
	return string(text), parsed
}

// replicaFamilies are the metrics of a standby, which a process with an embedded store has not.
func replicaFamilies(t testing.TB) map[string]*dto.MetricFamily {
	t.Helper()
	status := replica.Status{Name: "b", Holder: replica.About{Replica: "a"}, Replicas: []replica.Replica{{State: replica.Standby, Me: true, About: replica.About{Secrets: "others"}}, {State: replica.Active}, {State: replica.Silent}}, Hears: true, Lost: 7}
	w := httptest.NewRecorder()
	metrics.Standby(time.Now(), func() *replica.Status { return &status }, forward.New(forward.Options{}).Counts, zap.NewNop()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, metrics.Path, nil))
	p := expfmt.NewTextParser(model.LegacyValidation)
	parsed, err := p.TextToMetricFamilies(w.Body)
	require.NoError(t, err)
	if f := parsed["stanzahook_replicas_heard"]; f == nil || f.GetMetric()[0].GetGauge().GetValue() != 2 {
		t.Errorf("replicas: %v", f)
	}
	if f := parsed["stanzahook_replica_lost_events_total"]; f == nil || f.GetMetric()[0].GetCounter().GetValue() != 7 {
		t.Errorf("lost events: %v", f)
	}
	for name, want := range map[string]float64{"stanzahook_replica_same_config": 1, "stanzahook_replica_same_secrets": 0} {
		if f := parsed[name]; f == nil || f.GetMetric()[0].GetGauge().GetValue() != want {
			t.Errorf("%s: %v", name, f)
		}
	}
	return parsed
}

// values are the values of all series, by name{label="value",…}.
func (m *measured) values() map[string]float64 {
	m.t.Helper()
	text, _ := m.scrape()
	all := make(map[string]float64)
	for line := range strings.Lines(text) {
		if at := strings.LastIndexByte(line, ' '); line[0] != '#' {
			value, err := strconv.ParseFloat(strings.TrimSpace(line[at:]), 64)
			if err != nil {
				m.t.Fatalf("%s: %v", line, err)
			}
			all[line[:at]] = value
		}
	}
	return all
}

// until scrapes until the series have these values, as Prometheus would: nobody is
// told when one changes.
func (m *measured) until(want map[string]float64) {
	m.t.Helper()
	var wrong []string
	defer func() {
		if m.t.Failed() {
			m.t.Log(strings.Join(wrong, "\n"))
		}
	}()
	harness.Eventually(m.t, "the values of the metrics", func() bool {
		all := m.values()
		wrong = nil
		for series, value := range want {
			if got, there := all[series]; got != value || !there {
				wrong = append(wrong, fmt.Sprintf("%s is %v, want %v", series, got, value))
			}
		}
		return len(wrong) == 0
	})
}
