package app

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
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

// rightCaller sends messages as somebody who may, from a process of its own as well: callers do not
// share the program's core.
type rightCaller struct {
	Addr     string
	Messages int
	Fresh    bool // each message has a connection of its own
}

// callerTask is the variable of the environment with which this benchmark runs as a caller.
const callerTask = "STANZAHOOK_CALLER"

// run sends the messages, and says how long each has taken.
func (c rightCaller) run(b *testing.B) {
	var took []time.Duration
	p := newRawPoster(b, c.Addr, "/v1/messages", `{"to":"u@example.com/r","type":"chat","body":"hello"}`, "Authorization: Bearer victim\r\n")
	for range c.Messages {
		began := time.Now()
		if c.Fresh {
			_ = p.conn.Close()
			if err := p.dial(c.Addr); err != nil {
				b.Fatal(err)
			}
		}
		if status, err := p.post(); err != nil || status != http.StatusAccepted {
			b.Fatalf("status %d: %v", status, err)
		}
		took = append(took, time.Since(began))
		time.Sleep(time.Millisecond)
	}
	said, _ := json.Marshal(took)
	fmt.Fprintf(os.Stderr, "%s\n", said)
	os.Exit(0)
}

// flooded is what a process of flooders says at its end.
type flooded struct {
	Wrong int64
	Took  time.Duration
	CPU   time.Duration // with what the kernel does for them
}

// run attacks until its input ends.
func (f flooders) run(b *testing.B) {
	stop := make(chan struct{})
	var wrong atomic.Int64
	var wg sync.WaitGroup
	every := time.Duration(f.Connections) * time.Second / time.Duration(f.PerSecond)
	if f.Hasty {
		wg.Go(func() { f.hurry(b, stop, &wrong) })
		f.Connections = 0
	}
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
				if _, err := p.post(); err != nil { // the server has closed it
					_ = p.conn.Close()
					p.conn = nil
				}
				wrong.Add(1)
			}
		})
	}
	time.Sleep(time.Second) // as those do that measure
	wrong.Store(0)
	began, cpu := time.Now(), processTime(b)
	_, _ = io.Copy(io.Discard, os.Stdin)
	said, _ := json.Marshal(flooded{wrong.Load(), time.Since(began), time.Duration(processTime(b) - cpu)})
	close(stop)
	fmt.Fprintf(os.Stderr, "%s\n", said)
	os.Exit(0)
}

// hurry sends requests that do not wait for answers, with as little work as the kernel lets it.
// What could not be sent in time is not sent.
func (f flooders) hurry(b *testing.B, stop chan struct{}, wrong *atomic.Int64) {
	at, err := netip.ParseAddrPort(f.Addr)
	if err != nil {
		b.Error(err)
		return
	}
	to, text := &syscall.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}, []byte(f.Request)
	pause := syscall.NsecToTimespec(int64(100 * time.Microsecond)) // timers of the runtime take longer
	began, sent := time.Now(), 0
	for {
		select {
		case <-stop:
			return
		default:
		}
		due := int(time.Since(began).Seconds() * float64(f.PerSecond))
		sent = max(sent, due-f.PerSecond/100)
		for ; sent < due; sent++ {
			fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
			if err != nil {
				b.Error(err)
				return
			}
			if err := syscall.Connect(fd, to); err == nil { // else the control has ended
				_, _ = syscall.Write(fd, text)
				wrong.Add(1)
			}
			_ = syscall.Close(fd)
		}
		_ = syscall.Nanosleep(&pause, nil)
	}
}

// serveLeast answers every request at once, with as little work as a server of net/http can, or
// closes each connection at once, if they are hasty: what flooders cost then, they cost by themselves.
func (f flooders) serveLeast(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	fmt.Fprintln(os.Stderr, l.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	if f.Hasty {
		file, err := l.(*net.TCPListener).File() // which blocks
		if err != nil {
			b.Fatal(err)
		}
		for {
			fd, _, err := syscall.Accept(int(file.Fd()))
			if err != nil {
				b.Fatal(err)
			}
			_ = syscall.Close(fd)
		}
	}
	b.Fatal(http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })))
}

// child runs this benchmark in another process, as flooders, or, without an address, as what they may
// attack; end ends it and returns the last line that it
// has said.
func child(b *testing.B, task flooders) (first string, end func() (last string)) {
	policy := "--idle"
	if task.Addr == "" {
		policy = "--other"
	}
	cmd := itself(b, policy, floodTask, task)
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
	if task.Addr == "" {
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

// itself is this benchmark as a command with a task.
func itself(b *testing.B, policy, variable string, task any) *exec.Cmd {
	text, err := json.Marshal(task)
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command("chrt", policy, "0", os.Args[0], "-test.run=^$", "-test.bench=^BenchmarkWrongSecrets$", "-test.benchtime=1x")
	cmd.Env = append(os.Environ(), variable+"="+string(text))
	return cmd
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
// the figure is the load's own. Latencies, in µs, and the ratios are the medians of those of the rounds.
//
// Beside the attackers' own time on a core (attackers-µs/wrong) there is what this process takes for each
// of their requests (cpu-µs/wrong). -cpu 1 is how the program runs on two cores.
func BenchmarkWrongSecrets(b *testing.B) {
	if task, ok := os.LookupEnv(callerTask); ok {
		var c rightCaller
		if err := json.Unmarshal([]byte(task), &c); err != nil {
			b.Fatal(err)
		}
		c.run(b)
	}
	if task, ok := os.LookupEnv(floodTask); ok {
		var f flooders
		if err := json.Unmarshal([]byte(task), &f); err != nil {
			b.Fatal(err)
		}
		if f.Addr == "" {
			f.serveLeast(b)
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
			var calm, here, elsewhere rounds
			for b.Loop() {
				calm = append(calm, a.measure(b, x, messages, ""))
				here = append(here, a.measure(b, x, messages, x.Addr))
				harness.Eventually(b, "the crowd has gone", func() bool {
					n := x.server.Handler().Strangers()
					return n.Waiting+n.InTarpit+n.Arriving == 0
				})
				addr, end := child(b, flooders{Hasty: a.f.Hasty})
				elsewhere = append(elsewhere, a.measure(b, x, messages, addr))
				end()
			}
			for name, of := range map[string]rounds{"-calm": calm, "": here, "-elsewhere": elsewhere} {
				b.ReportMetric(of.median(latencies.p50), "p50"+name+"-µs")
				b.ReportMetric(of.median(latencies.p99), "p99"+name+"-µs")
			}
			for name, beside := range map[string]rounds{"x-calm": calm, "x-elsewhere": elsewhere} {
				i := -1
				b.ReportMetric(here.median(func(m latencies) float64 { i++; return m.p99() / beside[i].p99() }), name)
			}
			b.ReportMetric(here.median(latencies.perSecond), "wrong/s")
			b.ReportMetric(elsewhere.median(latencies.perSecond), "wrong-elsewhere/s")
			b.ReportMetric(here.median(func(m latencies) float64 { return m.attackers }), "attackers-µs/wrong")
			messageCost := calm.median(func(m latencies) float64 { return float64(m.cpu.Microseconds()) / messages })
			b.ReportMetric(here.median(func(m latencies) float64 {
				return (float64(m.cpu.Microseconds()) - messageCost*messages) / (m.perSecond() * m.time.Seconds())
			}), "cpu-µs/wrong")
		})
	}
}

// rounds are the latencies of one kind of part, by round.
type rounds []latencies

// median returns the median of something, which is asked for in the order of the rounds.
func (r rounds) median(of func(latencies) float64) float64 {
	var all []float64
	for _, one := range r {
		all = append(all, of(one))
	}
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// latencies are those of the messages of one part.
type latencies struct {
	took      []time.Duration // sorted
	time      time.Duration
	cpu       time.Duration // of this process
	wrong     float64       // requests of the attackers, a second
	attackers float64       // what one of them takes of a core, in µs
}

func (m latencies) p50() float64       { return m.part(50) }
func (m latencies) p99() float64       { return m.part(99) }
func (m latencies) perSecond() float64 { return m.wrong }

func (m latencies) part(percent int) float64 {
	return float64(m.took[len(m.took)*percent/100].Microseconds())
}

// measure sends messages while others attack an address, if there is one.
func (a attack) measure(b *testing.B, x *running, messages int, addr string) (m latencies) {
	end := func() string { return "" }
	if addr != "" {
		a.f.Addr, a.f.PerSecond = addr, 10_000
		_, end = child(b, a.f)
		time.Sleep(time.Second) // until as many come as there will
	}
	began, cpu := time.Now(), processTime(b)
	var out strings.Builder
	victim := itself(b, "--other", callerTask, rightCaller{x.Addr, messages, a.fresh})
	victim.Stderr = &out
	err := victim.Run()
	if err == nil {
		err = json.Unmarshal([]byte(out.String()), &m.took)
	}
	if err != nil {
		b.Fatalf("the caller: %v: %s", err, out.String())
	}
	m.time, m.cpu = time.Since(began), time.Duration(processTime(b)-cpu)
	slices.Sort(m.took)
	if last := end(); addr != "" {
		var said flooded
		if err := json.Unmarshal([]byte(last), &said); err != nil {
			b.Fatalf("the attackers said %q", last)
		}
		m.wrong = float64(said.Wrong) / said.Took.Seconds()
		m.attackers = float64(said.CPU.Microseconds()) / float64(said.Wrong)
	}
	return m
}
