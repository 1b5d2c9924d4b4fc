package tracing_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	collect "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/protobuf/proto"

	"stanzahook/deploy/lab/collector"
	"stanzahook/pkg/tracing"
)

// Examples of W3C Trace Context, sections 3.2.3 and 4.3.
func TestTraceparent(t *testing.T) {
	const right = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for text, sampled := range map[string]bool{
		right:                       true,
		right[:len(right)-1] + "0":  false,
		right[:len(right)-2] + "09": true,
		"cc" + right[2:]:            true, // of a later version
		"cc" + right[2:] + "-what-the-future-will-be-like": true,
	} {
		c := tracing.Parse(text)
		if c.IsZero() || c.Sampled != sampled || c.String()[:53] != right[:53] || (c.String()[53:] == "01") != sampled {
			t.Errorf("%s: %s", text, c)
		}
	}
	for _, text := range []string{
		"", "00", right + "-", right + "0", right[:54], "ff" + right[2:], "cc" + right[2:] + ".what", strings.ToUpper(right),
		"00-00000000000000000000000000000000-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
		"00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01", "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333g-01",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x", " " + right, "..-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	} {
		if c := tracing.Parse(text); !c.IsZero() {
			t.Errorf("%q is read as %s", text, c)
		}
	}
}

// start starts a tracer that records all.
func start(t *testing.T, c *collector.Collector, log *zap.Logger) *tracing.Tracer {
	x := tracing.New(tracing.Options{Endpoint: c.URL + "/v1/traces", Header: http.Header{"Authorization": {"Bearer x"}}, Sample: 1, Service: "bots", Version: "1.2", Log: log})
	t.Cleanup(func() { x.Stop(context.Background()) })
	return x
}

// What is written is what OpenTelemetry's own messages read, field by field.
func TestSpansArriveAsWritten(t *testing.T) {
	c := collector.New(t)
	x := start(t, c, nil)
	when := time.Unix(1_800_000_000, 123_456_789)
	parent := tracing.Parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	root := x.Start(tracing.Consumer, "deliver message", when, parent)
	root.Text("long", strings.Repeat("ä", 500))
	root.Text("odd", "a\xffb")
	root.Text("empty", "")
	child := root.Start(tracing.Client, "attempt", when.Add(time.Second))
	child.Int("n", 1<<40)
	child.Link(parent)
	child.Fail("no answer")
	child.Fail("another reason")
	child.EndAt(when.Add(2 * time.Second))
	child.Int("late", 5)
	child.End()
	root.EndAt(when.Add(3 * time.Second))
	own := x.Start(tracing.Producer, "send message", when.Add(5*time.Second), tracing.Context{})
	own.EndAt(when.Add(6 * time.Second))
	spans := c.AwaitSpans(3)
	traceID, id := "0af7651916cd43dd8448eb211c80319c", func(s *tracing.Span) string { return s.Traceparent()[36:52] }
	resource := map[string]string{"service.name": "bots", "service.version": "1.2"}
	for i, want := range []collector.Span{
		{Name: "deliver message", Trace: traceID, ID: id(root), Parent: "b7ad6b7169203331", Kind: trace.Span_SPAN_KIND_CONSUMER, Start: when, End: when.Add(3 * time.Second),
			Text: map[string]string{"long": strings.Repeat("ä", 127), "odd": "a\uFFFDb", "empty": ""}, Int: map[string]int64{}, Flags: 0x301, Resource: resource},
		{Name: "attempt", Trace: traceID, ID: id(child), Parent: id(root), Kind: trace.Span_SPAN_KIND_CLIENT, Start: when.Add(time.Second), End: when.Add(2 * time.Second),
			Text: map[string]string{}, Int: map[string]int64{"n": 1 << 40}, Failed: "no answer", Links: []string{"b7ad6b7169203331"}, Flags: 0x101, Resource: resource},
		{Name: "send message", Trace: own.Traceparent()[3:35], ID: id(own), Kind: trace.Span_SPAN_KIND_PRODUCER, Start: when.Add(5 * time.Second), End: when.Add(6 * time.Second),
			Text: map[string]string{}, Int: map[string]int64{}, Flags: 0x101, Resource: resource},
	} {
		if !reflect.DeepEqual(spans[i], want) {
			t.Errorf("got  %+v\nwant %+v", spans[i], want)
		}
	}
	r := c.Requests()[0]
	if r.Header.Get("Content-Type") != "application/x-protobuf" || r.Header.Get("Authorization") != "Bearer x" || r.URL.Path != "/v1/traces" {
		t.Errorf("%s %v", r.URL, r.Header)
	}
	if own.Context().IsZero() || id(own) == id(root) {
		t.Errorf("ids: %s, %s", own.Traceparent(), root.Traceparent())
	}
}

// A trace of a caller is recorded if the caller records it; of others, the share.
func TestSampling(t *testing.T) {
	c := collector.New(t)
	for _, share := range []float64{0, 0.25, 1} {
		x := tracing.New(tracing.Options{Endpoint: c.URL, Sample: share, Service: "x"})
		n := 0
		for range 4000 {
			if x.Start(tracing.Client, "x", time.Now(), tracing.Context{}).Context().Sampled {
				n++
			}
		}
		if got := float64(n) / 4000; got < share-0.05 || got > share+0.05 {
			t.Errorf("of %v is %v recorded", share, got)
		}
		yes, no := tracing.Parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), tracing.Parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
		if !x.Start(tracing.Client, "x", time.Now(), yes).Context().Sampled {
			t.Error("a trace of a caller is not recorded")
		}
		not := x.Start(tracing.Client, "x", time.Now(), no)
		if not.Text("a", "b"); not.Context().Sampled || not.Start(tracing.Client, "y", time.Now()).Context().Sampled || not.Traceparent()[:36] != no.String()[:36] {
			t.Error("a trace that its caller does not record is recorded")
		}
		not.End()
		x.Stop(t.Context())
		if got := x.Counts(); got != (tracing.Counts{}) {
			t.Errorf("counts %+v", got)
		}
	}
	if spans := c.Spans(); len(spans) > 0 {
		t.Errorf("%+v", spans)
	}
}

// Nobody is traced by nil.
func TestNil(t *testing.T) {
	var x *tracing.Tracer
	s := x.Start(tracing.Client, "x", time.Now(), tracing.Context{})
	allocations := testing.AllocsPerRun(100, func() {
		s.Text("a", "b")
		s.Int("a", 1)
		s.Fail("a")
		s.Link(tracing.Context{})
		s.Start(tracing.Client, "x", time.Time{}).End()
		s.EndAt(time.Time{})
		_ = s.Traceparent()
	})
	if s != nil || allocations != 0 || x.Counts() != (tracing.Counts{}) || !s.Context().IsZero() {
		t.Errorf("%v, %v allocations", s, allocations)
	}
}

// A collector that is away, busy or slow is asked again, and those who make spans do not
// wait: what does not fit is dropped, and counted.
func TestCollectorAway(t *testing.T) {
	for _, status := range []int{429, 502, 503, 504} {
		c := collector.New(t)
		core, logs := observer.New(zap.WarnLevel)
		x := start(t, c, zap.New(core))
		c.Answer(func(w http.ResponseWriter, _ *http.Request) {
			c.Answer(nil)
			w.WriteHeader(status)
		})
		x.Start(tracing.Client, "x", time.Now(), tracing.Context{}).End()
		c.AwaitSpans(1)
		x.Stop(t.Context())
		if got := x.Counts(); got.Exported != 1 || got.Failed+got.Dropped != 0 || logs.FilterMessage("spans not exported; retrying").Len() != 1 {
			t.Errorf("%d: %+v %v", status, got, logs.All())
		}
	}
	c := collector.New(t)
	c.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	x := start(t, c, nil)
	x.Start(tracing.Client, "x", time.Now(), tracing.Context{}).End()
	c.Await("a request", func() bool { return len(c.Requests()) == 1 })
	x.Stop(t.Context())
	if got := x.Counts(); got.Failed != 1 || got.Exported != 0 || len(c.Requests()) != 1 {
		t.Errorf("500 is final: %+v, %d requests", got, len(c.Requests()))
	}
}

func TestSlowCollector(t *testing.T) {
	c := collector.New(t)
	release := make(chan struct{})
	c.Answer(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	core, logs := observer.New(zap.WarnLevel)
	x := start(t, c, zap.New(core))
	const many = 40_000
	text := strings.Repeat("x", 200)
	make1 := func() {
		s := x.Start(tracing.Client, "x", time.Now(), tracing.Context{})
		s.Text("text", text)
		s.End()
	}
	make1()
	c.Await("a request", func() bool { return len(c.Requests()) == 1 })
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range many / 4 {
				make1()
			}
		})
	}
	wg.Wait()
	got := x.Counts()
	if got.Dropped == 0 || got.Queued == 0 || got.Queued > 2<<20 || got.Exported != 0 {
		t.Errorf("while the collector is slow: %+v", got)
	}
	c.Answer(nil)
	close(release) // the first one was answered with 200: it counts as taken
	c.Await("the rest", func() bool { return int64(len(c.Spans())) == many-got.Dropped })
	x.Stop(t.Context())
	if end := x.Counts(); end.Exported != many+1-end.Dropped || end.Dropped != got.Dropped || end.Queued != 0 {
		t.Errorf("at the end: %+v, before: %+v", end, got)
	}
	if logs.FilterMessage("spans dropped: the collector is too slow").Len() == 0 {
		t.Errorf("log: %v", logs.All())
	}
}

// The end is not held up by a collector that does not answer, and takes along what it can.
func TestStop(t *testing.T) {
	c := collector.New(t)
	x := start(t, c, nil)
	x.Start(tracing.Client, "x", time.Now(), tracing.Context{}).End()
	x.Stop(t.Context())
	if len(c.Spans()) != 1 || x.Counts().Exported != 1 {
		t.Errorf("%v %+v", c.Spans(), x.Counts())
	}
	away := tracing.New(tracing.Options{Endpoint: "http://127.0.0.1:1/", Sample: 1, Service: "x"})
	away.Start(tracing.Client, "x", time.Now(), tracing.Context{}).End()
	away.Stop(t.Context())
	if got := away.Counts(); got.Failed != 1 {
		t.Errorf("%+v", got)
	}
	silent := collector.New(t)
	silent.Answer(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	y := start(t, silent, nil)
	y.Start(tracing.Client, "x", time.Now(), tracing.Context{}).End()
	silent.Await("a request", func() bool { return len(silent.Requests()) == 1 })
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	y.Stop(ended)
	if got := y.Counts(); got.Failed != 1 {
		t.Errorf("%+v", got)
	}
}

// A collector may refuse some of the spans.
func TestPartialSuccess(t *testing.T) {
	c := collector.New(t)
	core, logs := observer.New(zap.WarnLevel)
	x := start(t, c, zap.New(core))
	c.Answer(func(w http.ResponseWriter, _ *http.Request) {
		body, err := proto.Marshal(&collect.ExportTraceServiceResponse{PartialSuccess: &collect.ExportTracePartialSuccess{RejectedSpans: 2, ErrorMessage: "too old"}})
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(body)
	})
	for range 5 {
		x.Start(tracing.Client, "x", time.Now(), tracing.Context{}).End()
	}
	x.Stop(t.Context())
	if got := x.Counts(); got.Failed != 2 || got.Exported != 3 {
		t.Errorf("%+v", got)
	}
	if all := logs.All(); len(all) != 1 || !strings.Contains(fmt.Sprint(all[0].ContextMap()), "too old") {
		t.Errorf("%v", all)
	}
	c.Answer(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{\"what\": 1}\xff\xff") })
	y := start(t, c, nil)
	y.Start(tracing.Client, "x", time.Now(), tracing.Context{}).End()
	y.Stop(t.Context())
	if got := y.Counts(); got.Exported != 1 {
		t.Errorf("an answer that is no protobuf: %+v", got)
	}
}

// Try sends no span.
func TestTry(t *testing.T) {
	c := collector.New(t)
	o := tracing.Options{Endpoint: c.URL + "/v1/traces", Service: "x"}
	if err := tracing.Try(t.Context(), o); err != nil || len(c.Requests()) != 1 || len(c.Spans()) != 0 {
		t.Error(err)
	}
	c.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) })
	if err := tracing.Try(t.Context(), o); err == nil || err.Error() != "the collector answered HTTP 404" {
		t.Error(err)
	}
}

func BenchmarkSpans(b *testing.B) {
	c := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer c.Close()
	x := tracing.New(tracing.Options{Endpoint: c.URL, Sample: 1, Service: "x"})
	b.ReportAllocs()
	for b.Loop() {
		root := x.Start(tracing.Consumer, "deliver message", time.Now(), tracing.Context{})
		root.Text("stanzahook.component", "bot.example.com")
		root.Text("stanzahook.endpoint", "echo")
		root.Text("stanzahook.event", "evt_01KXYZABCDEFGHJKMNPQRSTVWX")
		root.Text("stanzahook.type", "message.chat")
		root.Text("messaging.message.id", "abcdefghij")
		child := root.Start(tracing.Client, "attempt", time.Now())
		child.Int("stanzahook.attempt", 1)
		child.Text("http.request.method", "POST")
		_ = child.Traceparent()
		child.Int("http.response.status_code", 200)
		child.End()
		root.Text("stanzahook.state", "delivered")
		root.End()
	}
	b.StopTimer()
	x.Stop(b.Context())
}
