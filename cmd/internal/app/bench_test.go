package app

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/stanza"
)

// The whole walk without an XMPP server: stanza in, POST, reply, confirmed by
// the in-process peer; 50 conversations, 200 messages unanswered.
func benchmarkEvents(b *testing.B, format, delivery string) {
	benchmarkEndpoint(b, newWeb(b, pong).URL, format, delivery)
}

func pong(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"body":"pong"}`)
}

// pongs answers each event of an array.
func pongs(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	n := bytes.Count(body, []byte(`,"data":{`)) // of the events, whose texts escape it
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, "[%s]", strings.TrimSuffix(strings.Repeat(`{"body":"pong"},`, n), ","))
}

func benchmarkEndpoint(b *testing.B, url, format, delivery string, more ...string) {
	startApp(b, noAuth+fmt.Sprintf("endpoints: [{name: echo, url: %q, format: %s, delivery: %s%s}]\n", url, format, delivery, strings.Join(more, ""))).benchmark(b)
}

// benchmark sends messages to the endpoint echo, and waits for the replies.
func (x *running) benchmark(b *testing.B) {
	srv := x.srv
	body := strings.Repeat("x", 300)
	isReply := func(s *stanza.Stanza) bool { return s.Kind == stanza.Message }
	sent, answered := 0, 0
	cpu := processTime(b)
	for b.Loop() {
		for ; sent < answered+200; sent++ {
			srv.Send(fmt.Sprintf("<message type='chat' id='%d' from='u%d@example.com/r' to='echo@bot.example.com'><body>%s</body></message>", sent, sent%50, body))
		}
		srv.Expect("a reply", isReply)
		answered++
	}
	b.StopTimer()
	// of the whole process: the peer and the bot are in it
	b.ReportMetric(float64(processTime(b)-cpu)/float64(b.N), "cpu-ns/op")
	for ; answered < sent; answered++ {
		srv.Expect("a reply", isReply)
	}
	if bad := srv.Bad(); len(bad) > 0 {
		b.Errorf("the server got %q", bad)
	}
}

// processTime is the processor time that the process has used, in nanoseconds.
func processTime(b *testing.B) int64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return r.Utime.Nano() + r.Stime.Nano()
}

func BenchmarkEventQueued(b *testing.B) { benchmarkEvents(b, "event", "queued") }
func BenchmarkEventDirect(b *testing.B) { benchmarkEvents(b, "event", "direct") }
func BenchmarkEventQueuedBatch(b *testing.B) {
	benchmarkEndpoint(b, newWeb(b, pongs).URL, "event", "queued", ", batch: 20")
}
func BenchmarkEventQueuedSocket(b *testing.B)   { benchmarkSocket(b, "queued") }
func BenchmarkEventDirectSocket(b *testing.B)   { benchmarkSocket(b, "direct") }
func BenchmarkComponentHTTPDirect(b *testing.B) { benchmarkEvents(b, "component-http", "direct") }

// benchmarkSocket is benchmarkEvents with a bot at a Unix socket.
func benchmarkSocket(b *testing.B, delivery string) {
	socket := filepath.Join(b.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		b.Fatal(err)
	}
	bot := &http.Server{Handler: http.HandlerFunc(pong)}
	go func() { _ = bot.Serve(l) }() // until the end
	b.Cleanup(func() { _ = bot.Close() })
	benchmarkEndpoint(b, "unix:"+socket+":/", "event", delivery)
}

// POST without an XMPP server: a message in JSON, 202 when the in-process peer has
// confirmed it.
func benchmarkPost(b *testing.B, path string, connections int) {
	x := startApp(b, noAuth)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	defer client.CloseIdleConnections()
	var left atomic.Int64
	left.Store(int64(b.N))
	cpu := processTime(b)
	b.ResetTimer()
	var wg sync.WaitGroup
	for range connections {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				resp, err := client.Post("http://"+x.Addr+path, "application/json", strings.NewReader(`{"to":"u@example.com/r","type":"chat","body":"hello"}`))
				if err != nil {
					b.Error(err)
					return
				}
				_, err = io.Copy(io.Discard, resp.Body) // or the connection is not used again
				_ = resp.Body.Close()
				if err != nil {
					b.Error(err)
					return
				}
				if resp.StatusCode != http.StatusAccepted {
					b.Errorf("status %d", resp.StatusCode)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(processTime(b)-cpu)/float64(b.N), "cpu-ns/op") // the client's too
}

func BenchmarkPostRest(b *testing.B) {
	for _, c := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("connections=%d", c), func(b *testing.B) { benchmarkPost(b, "/rest", c) })
	}
}

func BenchmarkPostMessages(b *testing.B) { benchmarkPost(b, "/v1/messages", 16) }

// With all traces recorded: a collector that only reads is in the process, too.
func benchmarkTraced(b *testing.B, delivery string) { withTraces(b, delivery, "").benchmark(b) }

func withTraces(b *testing.B, delivery, more string) *running {
	collector := newWeb(b, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	return startApp(b, noAuth+fmt.Sprintf("traces: {endpoint: %q%s}\nendpoints: [{name: echo, url: %q, format: event, delivery: %s}]\n", collector.URL, more, newWeb(b, pong).URL, delivery))
}

func BenchmarkEventQueuedTraced(b *testing.B) { benchmarkTraced(b, "queued") }
func BenchmarkEventDirectTraced(b *testing.B) { benchmarkTraced(b, "direct") }

// What traces cost: without them, with a share of 0, and with all, take turns, since a machine has
// moods. The metrics are the CPU time of an event, of the process with peer, bot and collector, and how much more it is than
// without: medians. An operation is an event of each.
func BenchmarkTracesCost(b *testing.B) {
	const round = 2000 // events
	each := []*running{
		startApp(b, noAuth+fmt.Sprintf("endpoints: [{name: echo, url: %q, format: event}]\n", newWeb(b, pong).URL)),
		withTraces(b, "queued", ", sample: 0"), withTraces(b, "queued", ""),
	}
	var cpu [3][]float64
	for first := 0; b.Loop(); first++ {
		for i := range each {
			i = (i + first) % len(each)
			before := processTime(b)
			each[i].answered(b, round)
			cpu[i] = append(cpu[i], float64(processTime(b)-before)/round)
		}
	}
	without := harness.Median(cpu[0])
	b.ReportMetric(without, "cpu-ns/event")
	b.ReportMetric(100*(harness.Median(cpu[1])/without-1), "%-more-sample-0")
	b.ReportMetric(100*(harness.Median(cpu[2])/without-1), "%-more-sample-1")
}

// answered sends so many messages to the endpoint echo, of which 200 have no answer at a time, and waits for
// all of them.
func (x *running) answered(b *testing.B, n int) {
	b.Helper()
	body := strings.Repeat("x", 300)
	for sent, answered := 0, 0; answered < n; answered++ {
		for ; sent < min(n, answered+200); sent++ {
			x.srv.Send(fmt.Sprintf("<message type='chat' id='%d' from='u%d@example.com/r' to='echo@bot.example.com'><body>%s</body></message>", sent, sent%50, body))
		}
		x.srv.Expect("a reply", func(s *stanza.Stanza) bool { return s.Kind == stanza.Message })
	}
}
