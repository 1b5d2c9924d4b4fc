package app

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stanzahook/deploy/lab/harness"
)

// floodTask is the variable of the environment with which this benchmark runs as attackers.
const floodTask = "STANZAHOOK_FLOOD"

// flooders post with wrong secrets, from a process of their own that runs only where a core has
// nothing else to do (SCHED_IDLE): real ones have cores of their own.
type flooders struct {
	Addr        string
	Request     string
	Connections int
	PerSecond   int  // all together
	Hasty       bool // each request has a connection of its own, which is closed without the answer
}

// run attacks until its input ends.
func (f flooders) run(b *testing.B) {
	stop := make(chan struct{})
	var wrong atomic.Int64
	var wg sync.WaitGroup
	every := time.Duration(f.Connections) * time.Second / time.Duration(f.PerSecond)
	for i := range f.Connections {
		wg.Go(func() {
			p := &rawPoster{text: []byte(f.Request)}
			time.Sleep(every * time.Duration(i) / time.Duration(f.Connections)) // they are not in step with each other
			pace := time.NewTicker(every)
			defer pace.Stop()
			for {
				select {
				case <-stop:
					return
				case <-pace.C:
				}
				if p.conn == nil {
					if err := p.dial(f.Addr); err != nil {
						b.Error(err)
						return
					}
					_ = p.conn.SetDeadline(time.Now().Add(time.Minute))
				}
				var err error
				if f.Hasty {
					_, _ = p.conn.Write(p.text)
					err = io.EOF
				} else {
					_, err = p.post()
				}
				if err != nil { // the server has closed it
					_ = p.conn.Close()
					p.conn = nil
				}
				wrong.Add(1)
			}
		})
	}
	time.Sleep(time.Second) // as those do that measure
	wrong.Store(0)
	began := time.Now()
	_, _ = io.Copy(io.Discard, os.Stdin)
	close(stop)
	fmt.Fprintf(os.Stderr, "wrong: %d in %g\n", wrong.Load(), time.Since(began).Seconds())
	os.Exit(0)
}

// serveLeast answers every request at once, with as little work as a server of net/http can:
// what flooders cost then, they cost by themselves.
func serveLeast(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	fmt.Fprintln(os.Stderr, l.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	b.Fatal(http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })))
}

// child runs this benchmark in another process; end ends it and returns the last line that it
// has said.
func child(b *testing.B, task any) (first string, end func() (last string)) {
	text, err := json.Marshal(task)
	if err != nil {
		b.Fatal(err)
	}
	policy := "--other"
	if task != nil {
		policy = "--idle"
	}
	cmd := exec.Command("chrt", policy, "0", os.Args[0], "-test.run=^$", "-test.bench=^BenchmarkWrongSecrets$", "-test.benchtime=1x")
	cmd.Env = append(os.Environ(), floodTask+"="+string(text))
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if task == nil {
		lines.Scan()
		first = lines.Text()
	}
	return first, func() string {
		_ = in.Close()
		last := ""
		for lines.Scan() {
			last = lines.Text()
		}
		_ = cmd.Wait()
		return last
	}
}

// attack is a kind of flooders, and another caller who sends messages meanwhile.
type attack struct {
	name  string
	f     flooders
	fresh bool // each message has a connection of its own
}

// How long messages of another caller take while others post 10,000 times a second with wrong
// secrets. Each round has three parts of as many messages: nobody attacks (calm), they attack this
// process, and, as a control, they attack another process that does nothing (elsewhere): what of
// the figure is the load's own. p99 is that of all rounds, in µs; the ratios are those of p99.
func BenchmarkWrongSecrets(b *testing.B) {
	if task, ok := os.LookupEnv(floodTask); ok {
		var f *flooders
		if err := json.Unmarshal([]byte(task), &f); err != nil {
			b.Fatal(err)
		}
		if f == nil {
			serveLeast(b)
		}
		f.run(b)
	}
	hook := "POST /hooks/in/wrong HTTP/1.1\r\nHost: x\r\nContent-Length: 1010\r\n\r\n" + strings.Repeat("x", 1010)
	wrongToken := "POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\nContent-Length: 1010\r\n\r\n" + strings.Repeat("x", 1010)
	for _, a := range []attack{
		{"hook-flood", flooders{Request: hook, Connections: 8}, false},
		{"hook-crowd", flooders{Request: hook, Connections: 1_200}, false}, // more than may wait of one network
		{"hook-hasty", flooders{Request: hook, Connections: 64, Hasty: true}, false},
		{"hook-hasty-fresh", flooders{Request: hook, Connections: 64, Hasty: true}, true},
		{"token-flood", flooders{Request: wrongToken, Connections: 8}, false},
		{"token-crowd", flooders{Request: wrongToken, Connections: 1_200}, false},
		{"token-hasty", flooders{Request: wrongToken, Connections: 64, Hasty: true}, false},
		{"token-hasty-fresh", flooders{Request: wrongToken, Connections: 64, Hasty: true}, true},
	} {
		b.Run(a.name, func(b *testing.B) {
			const messages = 1000
			x := startApp(b, fmt.Sprintf("http: {listen: \"127.0.0.1:0\", tokens: [%s]}\nhooks: [%s]\n", token("victim", "send"), alertsHook("in", "json", "")))
			var calm, here, elsewhere latencies
			for b.Loop() {
				a.measure(b, x, &calm, messages, "")
				a.measure(b, x, &here, messages, x.Addr)
				harness.Eventually(b, "the crowd has gone", func() bool {
					n := x.server.Handler().Strangers()
					return n.Waiting+n.InTarpit+n.Arriving == 0
				})
				addr, end := child(b, nil)
				a.measure(b, x, &elsewhere, messages, addr)
				end()
			}
			b.ReportMetric(calm.p50(), "p50-calm-µs")
			b.ReportMetric(here.p50(), "p50-µs")
			b.ReportMetric(elsewhere.p50(), "p50-elsewhere-µs")
			b.ReportMetric(calm.p99(), "p99-calm-µs")
			b.ReportMetric(here.p99(), "p99-µs")
			b.ReportMetric(elsewhere.p99(), "p99-elsewhere-µs")
			b.ReportMetric(here.p99()/calm.p99(), "x-calm")
			b.ReportMetric(here.p99()/elsewhere.p99(), "x-elsewhere")
			b.ReportMetric(float64(here.wrong)/here.time.Seconds(), "wrong/s")
			b.ReportMetric(float64(elsewhere.wrong)/elsewhere.time.Seconds(), "wrong-elsewhere/s")
			// What this process takes of a core for the attackers, by each of their requests.
			messageCost := float64(calm.cpu.Microseconds()) / float64(len(calm.took))
			b.ReportMetric((float64(here.cpu.Microseconds())-messageCost*float64(len(here.took)))/float64(here.wrong), "cpu-µs/wrong")
		})
	}
}

// latencies are those of the messages of one kind of part.
type latencies struct {
	took  []time.Duration
	time  time.Duration // of all parts
	cpu   time.Duration // of this process
	wrong int           // requests of the attackers
}

func (m *latencies) p50() float64 { return m.part(50) }
func (m *latencies) p99() float64 { return m.part(99) }

func (m *latencies) part(percent int) float64 {
	slices.Sort(m.took)
	return float64(m.took[len(m.took)*percent/100].Microseconds())
}

// measure sends messages while others attack an address, if there is one.
func (a attack) measure(b *testing.B, x *running, m *latencies, messages int, addr string) {
	end := func() string { return "" }
	if addr != "" {
		a.f.Addr, a.f.PerSecond = addr, 10_000
		_, end = child(b, a.f)
		time.Sleep(time.Second) // until as many come as there will
	}
	victim := newRawPoster(b, x.Addr, "/v1/messages", `{"to":"u@example.com/r","type":"chat","body":"hello"}`, "Authorization: Bearer victim\r\n")
	began, cpu := time.Now(), processTime(b)
	for range messages {
		began := time.Now()
		if a.fresh {
			_ = victim.conn.Close()
			if err := victim.dial(x.Addr); err != nil {
				b.Fatal(err)
			}
		}
		if status, err := victim.post(); err != nil || status != http.StatusAccepted {
			b.Fatalf("status %d: %v", status, err)
		}
		m.took = append(m.took, time.Since(began))
		time.Sleep(time.Millisecond)
	}
	took := time.Since(began)
	m.time += took
	m.cpu += time.Duration(processTime(b) - cpu)
	var wrong, all float64
	if last := end(); addr != "" {
		if _, err := fmt.Sscanf(last, "wrong: %g in %g", &wrong, &all); err != nil {
			b.Fatalf("the attackers said %q", last)
		}
		m.wrong += int(wrong * took.Seconds() / all)
	}
}
