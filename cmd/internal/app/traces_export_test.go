package app

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab/harness"
	v1 "stanzahook/httpapi/v1"
)

// With a share of 0 nothing is exported, and the webhook learns that nothing is.
func TestTracesNotSampled(t *testing.T) {
	x := startTraced(t, "", answers(200, "hi"))
	x.bot = func(w http.ResponseWriter, r *http.Request) {
		if p := r.Header.Get("Traceparent"); !strings.HasSuffix(p, "-00") || len(p) != 55 {
			t.Errorf("traceparent %q", p)
		}
		answers(200, "hi")(w, r)
	}
	x.Stop()
	text, err := os.ReadFile(x.file)
	require.NoError(t, err)
	x.write(strings.Replace(string(text), "traces: {", "traces: {sample: 0, ", 1))
	cfg, err := x.r.Load()
	require.NoError(t, err)
	again, err := Start(t.Context(), cfg, x.log, nil, nil)
	require.NoError(t, err)
	require.NoError(t, again.links["bot.example.com"].WaitConnected(t.Context()))
	x.send("juliet", "echo", "hello")
	x.hears("juliet", "hi")
	again.Stop()
	if n := len(x.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// A collector that is down, slow or fails holds up nobody, and metrics count what is lost.
func TestTracesWithoutACollector(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	for name, by := range map[string]http.HandlerFunc{
		"down": nil, "fails": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"slow": func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-hang:
			case <-r.Context().Done():
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			x := startTraced(t, "", answers(200, "hi"))
			if x.Answer(by); by == nil {
				x.Collector.Close()
			}
			for i := range 20 {
				x.send("juliet", "echo", fmt.Sprint(i))
				x.hears("juliet", "hi")
			}
			x.Stop()
			if c := x.tracer.Counts(); c.Failed != 40 || c.Exported != 0 {
				t.Errorf("%+v", c)
			}
		})
	}
}

// The metrics have the counts.
func TestTraceMetrics(t *testing.T) {
	x := startTraced(t, "", answers(200, "hi"))
	x.send("juliet", "echo", "hello")
	x.hears("juliet", "hi")
	x.AwaitSpans(2)
	harness.Eventually(t, "the answer to be counted", func() bool { return x.tracer.Counts().Exported == 2 })
	if _, text := x.call("", "GET", "/metrics", ""); !strings.Contains(text, "\nstanzahook_trace_exported_spans_total 2\n") || !strings.Contains(text, "\nstanzahook_trace_dropped_spans_total 0\n") {
		t.Error(text)
	}
}

// Traces change with a restart only.
func TestTracesNeedARestart(t *testing.T) {
	x := startApp(t, noAuth)
	_, err := x.reload(noAuth + "traces: {endpoint: \"http://127.0.0.1:4318\"}\n")
	if no, ok := errors.AsType[*v1.Refusal](err); !ok || !slices.Equal(no.Problems, []string{"traces: changed; restart stanzahook to apply it"}) {
		t.Errorf("%v", err)
	}
}

// check --live asks the collector.
func TestCheckLiveTriesTheCollector(t *testing.T) {
	x := startTraced(t, "", answers(204, ""))
	shows := func(want string) {
		t.Helper()
		_, out, errs := inProgram(t, "check", "--live", "--config", x.file, "--api", "http://"+x.Addr)
		if out = strings.Join(strings.Fields(out), " "); !strings.Contains(out, want) {
			t.Errorf("%s%s", out, errs)
		}
	}
	host := strings.TrimPrefix(x.Collector.URL, "http://")
	shows("ok traces " + host + " the collector takes spans at http://" + host + "/v1/traces")
	x.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) })
	shows("fail traces " + host + " the collector answered HTTP 401")
	shows("write what it wants to see into traces.headers")
	x.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) })
	shows("correct traces.endpoint: it is to take OTLP over HTTP in protobuf")
	x.Collector.Close()
	shows("fail traces " + host + " cannot be reached: ")
	shows("start the collector, or correct traces.endpoint")
}
