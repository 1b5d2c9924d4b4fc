package app

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	trace "go.opentelemetry.io/proto/slim/otlp/trace/v1"

	"stanzahook/deploy/lab/collector"
	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/stanza"
)

// traced is a program whose spans go to a collector, with a bot that notes traceparent.
type traced struct {
	*running
	*collector.Collector
	mu      sync.Mutex
	parents []string // in the requests to the bot
	bot     http.HandlerFunc
}

// startTraced starts it. Its bot answers by a function, and is the endpoint bot; keys are more
// of its keys, with a comma before them.
func startTraced(t *testing.T, keys string, bot http.HandlerFunc) *traced {
	t.Helper()
	x := &traced{Collector: collector.New(t), bot: bot}
	web := newWeb(t, func(w http.ResponseWriter, r *http.Request) {
		x.mu.Lock()
		x.parents = append(x.parents, r.Header["Traceparent"]...)
		x.mu.Unlock()
		x.bot(w, r)
	})
	x.running = startApp(t, noAuth+fmt.Sprintf("traces: {endpoint: %q, headers: {X-Key: a-key}}\nendpoints: [{name: bot, url: %q%s}]\n", x.Collector.URL, web.URL, keys))
	return x
}

// tree are the spans as lines: children are indented, and follow their parent. The ids are
// checked, and left out.
func (x *traced) tree(spans []collector.Span) string {
	var lines []string
	var add func(s collector.Span, indent string)
	add = func(s collector.Span, indent string) {
		line := indent + s.Name
		for _, key := range []string{"stanzahook.endpoint", "stanzahook.type", "messaging.message.id", "stanzahook.state"} {
			if v, ok := s.Text[key]; ok {
				line += " " + v
			}
		}
		for _, key := range []string{"stanzahook.attempt", "http.response.status_code", "stanzahook.batch"} {
			if v, ok := s.Int[key]; ok {
				line += fmt.Sprintf(" %d", v)
			}
		}
		if s.Failed != "" {
			line += " (" + s.Failed + ")"
		}
		lines = append(lines, line)
		for _, c := range spans {
			if c.Parent == s.ID {
				if c.Trace != s.Trace || c.Start.Before(s.Start) || c.End.After(s.End) {
					x.Errorf("%+v is no child of %+v", c, s)
				}
				add(c, indent+"  ")
			}
		}
	}
	for _, s := range spans {
		if !slices.ContainsFunc(spans, func(p collector.Span) bool { return p.ID == s.Parent }) {
			add(s, "")
		}
	}
	return strings.Join(lines, "\n")
}

// Errorf is that of the test.
func (x *traced) Errorf(format string, args ...any) { x.t.Helper(); x.t.Errorf(format, args...) }

// shows waits for as many spans as there are lines, and compares them.
func (x *traced) shows(want string) []collector.Span {
	x.t.Helper()
	want = strings.ReplaceAll(strings.Trim(want, "\n"), "\t", "")
	spans := x.AwaitSpans(strings.Count(want, "\n") + 1)
	if got := x.tree(spans); got != want {
		x.Errorf("got\n%s\nwant\n%s", got, want)
	}
	return spans
}

// calledIn checks that the bot was called in these spans.
func (x *traced) calledIn(spans ...collector.Span) {
	x.t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	var want []string
	for _, s := range spans {
		want = append(want, "00-"+s.Trace+"-"+s.ID+"-01")
	}
	if !slices.Equal(x.parents, want) {
		x.Errorf("traceparent %q, want %q", x.parents, want)
	}
}

func answers(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func TestTraceOfAnAnswer(t *testing.T) {
	for _, delivery := range []string{"queued", "direct"} {
		t.Run(delivery, func(t *testing.T) {
			x := startTraced(t, ", delivery: "+delivery, answers(200, "hi"))
			x.send("juliet", "echo", "hello")
			x.hears("juliet", "hi")
			spans := x.shows(`
deliver message bot message.chat hello delivered
  attempt 1 200`)
			root, attempt := spans[0], spans[1]
			if root.Kind != trace.Span_SPAN_KIND_CONSUMER || attempt.Kind != trace.Span_SPAN_KIND_CLIENT || root.Parent != "" || root.Text["stanzahook.component"] != "bot.example.com" ||
				!strings.HasPrefix(root.Text["stanzahook.event"], "evt_") || attempt.Text["http.request.method"] != "POST" || root.Resource["service.name"] != "stanzahook" {
				t.Errorf("%+v", spans)
			}
			x.calledIn(attempt)
			if private := fmt.Sprintf("%+v", spans); strings.Contains(private, "juliet") || strings.Contains(private, "hi]") {
				t.Errorf("a text, or an address, is in it: %s", private)
			}
			r := x.Requests()[0]
			if r.URL.Path != "/v1/traces" || r.Header.Get("X-Key") != "a-key" || !strings.HasPrefix(r.UserAgent(), "stanzahook/") {
				t.Errorf("%s %v", r.URL, r.Header)
			}
		})
	}
}

func TestTraceOfRetries(t *testing.T) {
	n := 0
	x := startTraced(t, ", retry: {schedule: [10ms]}", func(w http.ResponseWriter, r *http.Request) {
		if n++; n < 3 {
			answers(503, "")(w, r)
			return
		}
		answers(200, "at last")(w, r)
	})
	x.send("juliet", "echo", "hello")
	x.hears("juliet", "at last")
	spans := x.shows(`
deliver message bot message.chat hello delivered
  attempt 1 503 (HTTP 503)
  attempt 2 503 (HTTP 503)
  attempt 3 200`)
	x.calledIn(spans[1:]...)
}

func TestTraceOfADeadLetter(t *testing.T) {
	x := startTraced(t, "", answers(422, ""))
	x.send("juliet", "echo", "hello")
	x.shows(`
deliver message bot message.chat hello dead (HTTP 422)
  attempt 1 422 (HTTP 422)`)
}

func TestTraceOfAnExpiredEvent(t *testing.T) {
	x := startTraced(t, ", retry: {schedule: [1ms], max_age: 200ms}", answers(404, ""))
	x.send("juliet", "echo", "hello")
	x.Await("its end", func() bool {
		return slices.ContainsFunc(x.Spans(), func(s collector.Span) bool { return s.Text["stanzahook.state"] == "dead" })
	})
}

func TestTraceOfARefusal(t *testing.T) {
	x := startTraced(t, ", delivery: direct", answers(500, ""))
	x.send("juliet", "echo", "hello")
	x.shows(`
deliver message bot message.chat hello refused (HTTP 500)
  attempt 1 500 (HTTP 500)`)
}

func TestTraceOfAnIQ(t *testing.T) {
	x := startTraced(t, ", stanzas: [iq]", answers(204, ""))
	x.srv.Send("<iq type='get' id='q' from='juliet@example.com/r' to='echo@bot.example.com'><x xmlns='urn:x'/></iq>")
	x.srv.ExpectID("q")
	x.shows(`
deliver iq bot iq.get q delivered
  attempt 1 204`)
}

// Each event of a batch has a trace of its own. The request is made in that of the first, to
// which the others are linked.
func TestTraceOfABatch(t *testing.T) {
	first, release := make(chan struct{}), make(chan struct{})
	n := 0
	x := startTraced(t, ", batch: 10", func(w http.ResponseWriter, r *http.Request) {
		if n++; n == 1 {
			close(first)
			<-release
		}
		answers(204, "")(w, r)
	})
	x.send("juliet", "echo", "one")
	<-first
	x.send("juliet", "echo", "two")
	x.send("juliet", "echo", "three")
	harness.Eventually(t, "three events", func() bool { return x.workers[0].Status().InMemory == 3 })
	close(release)
	spans := x.shows(`
deliver message bot message.chat one delivered
  attempt 1 204 1
deliver message bot message.chat two delivered
  attempt 1 204 2
deliver message bot message.chat three delivered
  attempt 1 204 2`)
	var attempts []collector.Span
	for _, s := range spans {
		if s.Name == "attempt" {
			attempts = append(attempts, s)
		}
	}
	linked := slices.IndexFunc(attempts, func(s collector.Span) bool { return len(s.Links) == 1 })
	i := slices.IndexFunc(attempts, func(s collector.Span) bool { return linked >= 0 && s.ID == attempts[linked].Links[0] })
	if linked < 0 || i < 1 || i == linked {
		t.Fatalf("%+v", attempts)
	}
	x.calledIn(attempts[0], attempts[i])
}

// Without a URL an event is in the store until it is pulled: its span ends there.
func TestTraceOfAPulledEvent(t *testing.T) {
	c := collector.New(t)
	x := &traced{Collector: c, running: startApp(t, noAuth+fmt.Sprintf("traces: {endpoint: %q}\nendpoints: [{name: inbox}]\n", c.URL))}
	x.send("juliet", "echo", "hello")
	x.shows("deliver message inbox message.chat hello stored")
}

// What is in memory at a stop is in the store: the next process delivers it, in another trace.
func TestTraceOverARestart(t *testing.T) {
	asked := make(chan struct{}, 100)
	x := startTraced(t, ", retry: {schedule: [1h]}", func(w http.ResponseWriter, r *http.Request) {
		answers(503, "")(w, r)
		asked <- struct{}{}
	})
	x.send("juliet", "echo", "hello")
	<-asked
	x.Stop()
	before := x.shows(`
deliver message bot message.chat hello stored
  attempt 1 503 (HTTP 503)`)
	x.bot = answers(200, "hi")
	cfg, err := x.r.Load()
	require.NoError(t, err)
	again, err := Start(t.Context(), cfg, x.log, nil, nil)
	require.NoError(t, err)
	defer again.Stop()
	x.hears("juliet", "hi")
	after := x.AwaitSpans(4)[2:]
	if got := x.tree(after); got != "deliver message bot message.chat hello delivered\n  attempt 1 200" {
		t.Errorf("after the restart:\n%s", got)
	}
	if after[0].Trace == before[0].Trace || after[0].Text["stanzahook.event"] != before[0].Text["stanzahook.event"] {
		t.Errorf("%+v\n%+v", before[0], after[0])
	}
}

// What an HTTP caller sends is in its trace.
func TestTraceOfACaller(t *testing.T) {
	x := startTraced(t, "", answers(204, ""))
	const trace = "0af7651916cd43dd8448eb211c80319c"
	for i, c := range []struct {
		path, body, want string
		status           int
	}{
		{"/v1/messages", `{"to":"u@example.com","body":"hello","id":"m"}`, "send message m confirmed", 202},
		{"/rest", `{"kind":"message","to":"u@example.com","body":"hello","id":"r"}`, "send message r confirmed", 202},
		{"/v1/presence", `{"to":"u@example.com","id":"p"}`, "send presence p confirmed", 202},
	} {
		parent := fmt.Sprintf("%016x", i+1)
		status, body := x.call("", "POST", c.path, c.body, "Traceparent", "00-"+trace+"-"+parent+"-01", "X-Request-Id", "r1")
		if status != c.status {
			t.Errorf("%s: %d %s", c.path, status, body)
		}
		s := x.AwaitSpans(i + 1)[i]
		if got := x.tree([]collector.Span{s}); got != c.want || s.Trace != trace || s.Parent != parent || s.Text["stanzahook.request"] != "r1" || s.Flags != 0x301 {
			t.Errorf("%s: %s %+v", c.path, got, s)
		}
	}
	// An IQ until its answer; without a caller's trace it begins one.
	go func() {
		q := x.srv.Expect("an iq", func(s *stanza.Stanza) bool { return s.Kind == stanza.IQ && s.ID == "q" })
		x.srv.Send(fmt.Sprintf("<iq type='error' id='q' from='%s' to='%s'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>", q.To, q.From))
	}()
	x.call("", "POST", "/v1/iq", `{"to":"u@example.com","type":"get","id":"q","ping":true}`)
	s := x.AwaitSpans(4)[3]
	if got := x.tree([]collector.Span{s}); got != "send iq q (item-not-found)" || s.Parent != "" || s.Trace == trace {
		t.Errorf("%s %+v", got, s)
	}
	// What is wrong, or there twice, begins a trace, too.
	x.call("", "POST", "/v1/messages", `{"to":"u@example.com","body":"hello","id":"w"}`, "Traceparent", "00-"+trace+"-0000000000000000-01")
	if s := x.AwaitSpans(5)[4]; s.Parent != "" || s.Trace == trace {
		t.Errorf("%+v", s)
	}
	// What the caller does not record is not recorded here.
	x.call("", "POST", "/v1/messages", `{"to":"u@example.com","body":"hello","id":"n"}`, "Traceparent", "00-"+trace+"-0000000000000001-00")
	x.call("", "POST", "/v1/messages", `{"to":"u@example.com","body":"hello","id":"y"}`)
	if s := x.AwaitSpans(6)[5]; s.Text["messaging.message.id"] != "y" {
		t.Errorf("%+v", s)
	}
}
