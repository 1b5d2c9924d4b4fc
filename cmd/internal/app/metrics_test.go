package app

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/cmd/internal/build"
	"stanzahook/cmd/internal/metrics"
	"stanzahook/pkg/stanza"
)

// deploy/guide/monitoring.md has every metric in its table, as it is exported, and no
// other; nothing is amiss with names, units and texts.
func TestMetricsAreDocumented(t *testing.T) {
	m := startMeasured(t)
	m.exercise()
	text, all := m.scrape()
	for _, private := range []string{measuredToken, "a-secret", "secret-in-a-query", m.bot.URL, "juliet", "answer this"} {
		if strings.Contains(text, private) {
			t.Errorf("%q is in it", private)
		}
	}
	var exported []string
	for name, f := range all {
		if strings.HasPrefix(name, "stanzahook_") {
			exported = append(exported, fmt.Sprintf("| `%s` | %s | %s | %s |", name, strings.ToLower(f.GetType().String()), labelNames(f), f.GetHelp()))
		}
	}
	page, err := os.ReadFile("../../../deploy/guide/monitoring.md")
	require.NoError(t, err)
	var documented []string
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "| `stanzahook_") {
			documented = append(documented, strings.TrimSpace(line))
		}
	}
	for _, line := range exported {
		if !slices.Contains(documented, line) {
			t.Errorf("not in deploy/guide/monitoring.md:\n%s", line)
		}
	}
	for _, line := range documented {
		if !slices.Contains(exported, line) {
			t.Errorf("not exported:\n%s", line)
		}
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	require.NoError(t, err)
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func labelNames(f *dto.MetricFamily) string {
	var names []string
	for _, l := range f.Metric[0].Label {
		names = append(names, l.GetName())
	}
	return strings.Join(names, ", ")
}

// The values are those of what has happened.
func TestMetricsCount(t *testing.T) {
	m := startMeasured(t)
	m.exercise()
	m.until(map[string]float64{
		`stanzahook_link_up{component="bot.example.com"}`:                                       1,
		`stanzahook_link_state{component="bot.example.com",state="up"}`:                         1,
		`stanzahook_link_state{component="bot.example.com",state="shared"}`:                     0,
		`stanzahook_link_connects_total{component="bot.example.com"}`:                           1,
		`stanzahook_link_failures_total{component="bot.example.com"}`:                           0,
		`stanzahook_stanzas_total{component="bot.example.com",direction="in",kind="message"}`:   7, // with the privilege
		`stanzahook_stanzas_total{component="bot.example.com",direction="out",kind="presence"}`: 0,
		`stanzahook_stanza_problems_total{component="bot.example.com",problem="unknown"}`:       1,
		`stanzahook_stanza_problems_total{component="bot.example.com",problem="stray"}`:         1,
		`stanzahook_iq_pending{component="bot.example.com"}`:                                    0,
		`stanzahook_unconfirmed_stanzas{component="bot.example.com"}`:                           0,
		`stanzahook_bounces_total{outcome="late"}`:                                              1,
		`stanzahook_outbox_waiting_stanzas{component="bot.example.com"}`:                        0,
		`stanzahook_endpoint_attempts_total{endpoint="bot",outcome="success"}`:                  3, // the error is an event too
		`stanzahook_endpoint_attempts_total{endpoint="bot",outcome="retry"}`:                    1,
		`stanzahook_endpoint_attempts_total{endpoint="bot",outcome="dead"}`:                     1,
		`stanzahook_endpoint_attempts_total{endpoint="direct",outcome="failed"}`:                1,
		`stanzahook_endpoint_attempt_duration_seconds_count{endpoint="bot"}`:                    5,
		`stanzahook_endpoint_replies_total{endpoint="bot"}`:                                     1,
		`stanzahook_endpoint_dead_letters{endpoint="bot"}`:                                      1,
		`stanzahook_endpoint_dead_events_total{endpoint="bot"}`:                                 1,
		`stanzahook_endpoint_queued_events{endpoint="bot"}`:                                     0,
		`stanzahook_endpoint_queued_events{endpoint="pulled"}`:                                  1,
		`stanzahook_endpoint_oldest_event_age_seconds{endpoint="bot"}`:                          0,
		`stanzahook_endpoint_state{endpoint="direct",state="failing"}`:                          1,
		`stanzahook_endpoint_state{endpoint="bot",state="ok"}`:                                  1,
		`stanzahook_store_up`:        1,
		`stanzahook_store_refuses`:   0,
		`stanzahook_store_max_bytes`: 4 << 30,
		`stanzahook_roster_refreshes_total{host="example.com",result="applied"}`:                       1,
		`stanzahook_roster_refreshes_in_progress{host="example.com"}`:                                  0,
		`stanzahook_http_requests_total{code="200",route="/v1/iq"}`:                                    1,
		`stanzahook_http_requests_total{code="404",route="none"}`:                                      1,
		`stanzahook_http_request_duration_seconds_count{route="/v1/messages"}`:                         1,
		`stanzahook_http_requests_in_flight`:                                                           1,
		fmt.Sprintf(`stanzahook_build_info{commit=%q,version=%q}`, build.Read().Commit, build.Version): 1,
	})
	all := m.values()
	for _, series := range []string{
		`stanzahook_confirmation_duration_seconds_count{component="bot.example.com"}`, `stanzahook_iq_duration_seconds_count{component="bot.example.com"}`,
		`stanzahook_endpoint_oldest_event_age_seconds{endpoint="pulled"}`, `stanzahook_endpoint_queued_bytes{endpoint="pulled"}`,
		`stanzahook_store_bytes`, `stanzahook_store_disk_free_bytes`, `stanzahook_http_connections`, `go_goroutines`, `process_resident_memory_bytes`,
	} {
		if all[series] <= 0 {
			t.Errorf("%s is %v", series, all[series])
		}
	}
	if logs := m.logs.FilterMessage("request").FilterField(zap.String("route", metrics.Path)); logs.Len() > 0 {
		t.Errorf("a scrape is in the log of requests: %v", logs.All())
	}
	require.NoError(t, m.workers[2].Disable(t.Context(), "a test"))
	m.srv.Refuse("<not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>")
	m.srv.Drop()
	m.until(map[string]float64{
		`stanzahook_link_up{component="bot.example.com"}`:                 0,
		`stanzahook_link_state{component="bot.example.com",state="down"}`: 1,
		`stanzahook_endpoint_state{endpoint="bot",state="disabled"}`:      1,
		`stanzahook_endpoint_state{endpoint="bot",state="ok"}`:            0,
	})
	m.post("/v1/messages", `{"to":"juliet@example.com","body":"later"}`, http.StatusAccepted)
	m.until(map[string]float64{`stanzahook_outbox_waiting_stanzas{component="bot.example.com"}`: 1})
}

// A reload takes endpoints and gives others; what was counted of the rest goes on.
func TestMetricsOverAReload(t *testing.T) {
	m := startMeasured(t)
	m.exercise()
	if _, err := m.reload(strings.Replace(m.text, "{name: direct,", "{name: other,", 1)); err != nil {
		t.Fatal(err)
	}
	m.until(map[string]float64{
		`stanzahook_endpoint_state{endpoint="other",state="ok"}`:             1,
		`stanzahook_endpoint_attempts_total{endpoint="bot",outcome="retry"}`: 1,
		`stanzahook_http_requests_total{code="200",route="/v1/iq"}`:          1,
		`stanzahook_http_requests_in_flight`:                                 1,
	})
	all := m.values()
	if _, there := all[`stanzahook_endpoint_state{endpoint="direct",state="ok"}`]; there || all["stanzahook_http_connections"] < 1 {
		t.Error("a removed endpoint has metrics, or there is no connection, though one asks")
	}
}

// What strangers send makes no series.
func TestMetricsAreBounded(t *testing.T) {
	m := startMeasured(t)
	m.exercise()
	series := func() (n int) {
		_, all := m.scrape()
		for _, f := range all {
			n += len(f.Metric)
		}
		return n
	}
	flood := func(from, to int) {
		for i := from; i < to; i++ {
			m.message(fmt.Sprintf("f%d", i), fmt.Sprintf("nobody%d", i), "x")
			m.srv.Send(fmt.Sprintf("<message id='g%d' type='type%[1]d' from='u%[1]d@host%[1]d.example' to='a%[1]d@bot.example.com/r%[1]d'/><presence from='u%[1]d@example.com' to='p%[1]d@bot.example.com' type='probe'/>", i))
			for _, r := range []struct{ method, path string }{
				{http.MethodGet, fmt.Sprintf("/random/%d", i)}, {http.MethodGet, fmt.Sprintf("/v1/messages/%d", i)},
				{http.MethodPost, fmt.Sprintf("/v1/endpoints/e%d/test", i)}, {http.MethodGet, fmt.Sprintf("/v1/rosters/u%d@h%d.example", i, i)},
				{fmt.Sprintf("METHOD%d", i), "/rest"}, {http.MethodGet, fmt.Sprintf("/rest/message/chat/u%d@example.com", i)},
			} {
				m.call(measuredToken, r.method, r.path, "")
			}
		}
	}
	flood(0, 2)
	series() // the scrape's own series are there from now on
	few := series()
	flood(2, 50)
	m.message("end", "echo", "answer this")
	m.srv.Expect("the answer", func(s *stanza.Stanza) bool { return s.Kind == stanza.Message && s.Type == "chat" && s.ID != "1" })
	if many := series(); many != few {
		t.Errorf("%d series, and %d after a flood", few, many)
	}
	if few > 600 {
		t.Errorf("%d series of a small program", few)
	}
}
