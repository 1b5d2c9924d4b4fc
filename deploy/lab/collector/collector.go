// Package collector is a collector of traces in process, for tests: it reads OTLP over HTTP
// with the messages that OpenTelemetry itself generates.
package collector

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	collect "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Span is a span as a test wants it.
type Span struct {
	Name, Trace, ID, Parent string // ids in hex; empty: none
	Kind                    trace.Span_SpanKind
	Start, End              time.Time
	Text                    map[string]string
	Int                     map[string]int64
	Failed                  string   // the message of its status, if that is an error
	Links                   []string // ids of spans
	Flags                   uint32
	Resource                map[string]string
}

// Collector keeps the spans that it has got.
type Collector struct {
	*httptest.Server
	t testing.TB

	mu       sync.Mutex
	spans    []Span
	requests []*http.Request
	answer   http.HandlerFunc // in place of taking the spans
	changed  chan struct{}
}

// New starts a Collector.
func New(t testing.TB) *Collector {
	c := &Collector{t: t, changed: make(chan struct{})}
	c.Server = httptest.NewServer(http.HandlerFunc(c.serve))
	t.Cleanup(c.Close)
	return c
}

// Answer answers requests by a function from now on; nil: takes the spans.
func (c *Collector) Answer(by http.HandlerFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = by
}

func (c *Collector) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var request collect.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &request)
	}
	if err != nil {
		c.t.Errorf("the collector got no ExportTraceServiceRequest: %v", err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	answer := c.answer
	c.requests = append(c.requests, r)
	if answer == nil {
		c.spans = append(c.spans, read(&request)...)
	}
	close(c.changed)
	c.changed = make(chan struct{})
	c.mu.Unlock()
	if answer != nil {
		answer(w, r)
	}
}

func read(request *collect.ExportTraceServiceRequest) (all []Span) {
	for _, r := range request.ResourceSpans {
		resource := make(map[string]string)
		for _, a := range r.Resource.Attributes {
			resource[a.Key] = a.Value.GetStringValue()
		}
		for _, s := range r.ScopeSpans {
			for _, x := range s.Spans {
				all = append(all, spanOf(x, resource))
			}
		}
	}
	return all
}

func spanOf(x *trace.Span, resource map[string]string) Span {
	s := Span{
		Name: x.Name, Trace: hex.EncodeToString(x.TraceId), ID: hex.EncodeToString(x.SpanId), Parent: hex.EncodeToString(x.ParentSpanId), Kind: x.Kind,
		Start: time.Unix(0, int64(x.StartTimeUnixNano)), End: time.Unix(0, int64(x.EndTimeUnixNano)),
		Text: make(map[string]string), Int: make(map[string]int64), Flags: x.Flags, Resource: resource,
	}
	for _, a := range x.Attributes {
		if text, ok := s.Text[a.Key]; ok {
			s.Text[a.Key] = "twice: " + text
			continue
		}
		s.Text[a.Key] = a.Value.GetStringValue()
		if n := a.Value.GetIntValue(); n != 0 {
			s.Int[a.Key] = n
			delete(s.Text, a.Key)
		}
	}
	if x.Status.GetCode() == trace.Status_STATUS_CODE_ERROR {
		s.Failed = x.Status.Message
	}
	for _, l := range x.Links {
		s.Links = append(s.Links, hex.EncodeToString(l.SpanId))
	}
	return s
}

// Spans returns the spans that have come, by their start.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := slices.Clone(c.spans)
	slices.SortStableFunc(all, func(a, b Span) int { return a.Start.Compare(b.Start) })
	return all
}

// Requests returns the requests that have come.
func (c *Collector) Requests() []*http.Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

// Await waits until a condition holds, which is tried after each request.
func (c *Collector) Await(what string, holds func() bool) {
	c.t.Helper()
	late := time.After(30 * time.Second)
	for {
		c.mu.Lock()
		changed := c.changed
		c.mu.Unlock()
		if holds() {
			return
		}
		select {
		case <-changed:
		case <-late:
			c.t.Fatalf("the collector waited for %s in vain; it has %+v", what, c.Spans())
		}
	}
}

// AwaitSpans waits for so many spans at least, and returns all.
func (c *Collector) AwaitSpans(n int) []Span {
	c.t.Helper()
	c.Await("spans", func() bool { return len(c.Spans()) >= n })
	return c.Spans()
}
