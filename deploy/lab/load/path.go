//go:build linux

package load

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// BenchDir is where the figures of a run are collected, for its tables.
func BenchDir(t testing.TB) string {
	if dir := os.Getenv("BENCH_DIR"); dir != "" {
		return dir
	}
	return harness.Path(t, filepath.Join("bin", "bench"))
}

// Full load, and what is measured of it.
const (
	PathClients = 4
	PathWindow  = 50    // messages of a client without an answer
	PathCount   = 12000 // messages of a round
	PathFewer   = 3000  // of a round of a module, which takes longer
	PathSingles = 1500  // messages of a round, one at a time
)

// BenchRounds is how often everything is measured: ROUNDS, or 5.
func BenchRounds(t testing.TB) int {
	t.Helper()
	text := os.Getenv("ROUNDS")
	if text == "" {
		return 5
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("ROUNDS=%q is no number of rounds", text)
	}
	return n
}

// Walker is what answers the messages.
type Walker struct {
	Name, Address string
	Pid           int       // 0: a part of the server
	Count         int       // messages of a round
	Disorder      bool      // it does not keep the order
	Rates, Raw    []float64 // messages/s, and of the raw echo before it
	usages        []usage
	Singles       []time.Duration // until each answer came, in the rounds with one message at a time
}

func (w *Walker) Round(t testing.TB, clients []*PathClient, server, bot int) {
	t.Helper()
	before := used(w.Pid, server, bot)
	took, _ := PathRound(t, clients, w, PathWindow, w.Count)
	w.Rates = append(w.Rates, float64(w.Count)/took.Seconds())
	w.usages = append(w.usages, used(w.Pid, server, bot).since(before, float64(w.Count)))
}

// of returns the median of something that was used.
func (w *Walker) of(what func(usage) float64) float64 {
	var all []float64
	for _, u := range w.usages {
		all = append(all, what(u))
	}
	return harness.Median(all)
}

// single is the time in ms in which this share of the answers to single messages came.
func (w *Walker) single(share float64) float64 {
	sorted := slices.Sorted(slices.Values(w.Singles))
	return float64(sorted[int(share*float64(len(sorted)))].Microseconds()) / 1e3
}

// Figure sums the rounds up.
func (w *Walker) Figure(kind lab.Kind) Figure {
	f := NewFigure("user, bot and back", string(kind), w.Name, "messages/s", w.Rates, w.Raw)
	f.Others = map[string]float64{
		"one at a time, p50 in ms":   w.single(0.5),
		"one at a time, p99.9 in ms": w.single(0.999),
		"µs of CPU, server":          w.of(func(u usage) float64 { return u.server }),
		"µs of CPU, bot":             w.of(func(u usage) float64 { return u.bot }),
		"µs of CPU, load":            w.of(func(u usage) float64 { return u.load }),
		"µs of CPU, others":          w.of(func(u usage) float64 { return u.foreign }),
		"µs idle":                    w.of(func(u usage) float64 { return u.idle }),
	}
	if w.Pid != 0 {
		f.Others["µs of CPU, own"] = w.of(func(u usage) float64 { return u.own })
		f.Others["reads and writes, own"] = w.of(func(u usage) float64 { return u.calls })
	}
	return f
}

// PathClient is a user who writes as fast as the answers come, and takes as
// little as possible of the cores that it shares with what is measured.
type PathClient struct {
	t    testing.TB
	Conn net.Conn
	buf  []byte
	rest int // bytes of buf that belong to a stanza that is not complete
}

func PathLogin(t testing.TB, s *lab.Server, user string) *PathClient {
	t.Helper()
	conn, err := net.Dial("tcp", s.ClientAddr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := &PathClient{t: t, Conn: conn, buf: make([]byte, 256<<10)}
	header := "<?xml version='1.0'?><stream:stream to='" + s.Host() + "' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
	c.Ask(header, "</stream:features>")
	c.Ask("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>"+base64.StdEncoding.EncodeToString([]byte("\x00"+user+"\x00"+harness.Password))+"</auth>", "<success")
	c.Ask(header, "</stream:features>")
	c.Ask("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>path</resource></bind></iq>", "</iq>")
	c.Ask("<presence/><iq type='get' id='ping' to='"+s.Host()+"'><ping xmlns='urn:xmpp:ping'/></iq>", "ping")
	return c
}

// Ask writes and reads until the answer has something in it.
func (c *PathClient) Ask(text, want string) {
	c.t.Helper()
	if _, err := c.Conn.Write([]byte(text)); err != nil {
		c.t.Fatal(err)
	}
	var got strings.Builder
	for !strings.Contains(got.String(), want) {
		n, err := c.Conn.Read(c.buf)
		if err != nil {
			c.t.Fatalf("instead of %s came %q: %v", want, got.String(), err)
		}
		got.Write(c.buf[:n])
	}
}

// PathRound lets clients write n messages in all, each at most window without
// an answer. It returns how long it took, and the times until the answers came.
func PathRound(t testing.TB, clients []*PathClient, w *Walker, window, n int) (took time.Duration, waited []time.Duration) {
	t.Helper()
	began := time.Now()
	all := make([][]time.Duration, len(clients))
	errs := make([]error, len(clients))
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() { all[i], errs[i] = c.walk(w, window, n/len(clients)) })
	}
	wg.Wait()
	took = time.Since(began)
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	return took, slices.Concat(all...)
}

// walk writes n messages to a bot. All answers must come, in order if it keeps that.
func (c *PathClient) walk(w *Walker, window, n int) ([]time.Duration, error) {
	if err := c.Conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return nil, err
	}
	sent := make([]time.Time, n)
	waited := make([]time.Duration, 0, n)
	var out []byte
	wrote, answered := 0, 0
	for answered < n {
		out = out[:0]
		now := time.Now()
		for ; wrote < min(n, answered+window); wrote++ {
			sent[wrote] = now
			out = fmt.Appendf(out, "<message type='chat' id='m%d' to='%s'><body>message %d of some twenty letters</body></message>", wrote, w.Address, wrote)
		}
		if len(out) > 0 {
			if _, err := c.Conn.Write(out); err != nil {
				return nil, err
			}
		}
		got, err := c.Conn.Read(c.buf[c.rest:])
		if err != nil {
			return nil, fmt.Errorf("after %d of %d answers: %w", answered, n, err)
		}
		data := c.buf[:c.rest+got]
		now = time.Now()
		for {
			end := bytes.Index(data, []byte("</message>"))
			if end < 0 {
				break
			}
			number, err := numberOf(data[:end])
			if err != nil || number != answered && !w.Disorder || number < 0 || number >= wrote || sent[number].IsZero() {
				return nil, fmt.Errorf("instead of the answer to message %d came %s: %v", answered, data[:end], err)
			}
			waited = append(waited, now.Sub(sent[number]))
			sent[number] = time.Time{}
			answered++
			data = data[end+len("</message>"):]
		}
		c.rest = copy(c.buf, data)
	}
	return waited, nil
}

// numberOf is the number of the message that this one answers.
func numberOf(message []byte) (int, error) {
	_, body, _ := bytes.Cut(message, []byte("<body>"))
	_, body, _ = bytes.Cut(body, []byte("message "))
	digits, _, _ := bytes.Cut(body, []byte(" "))
	return strconv.Atoi(string(digits))
}

// usage is what a round uses: CPU in µs, of all cores together.
type usage struct {
	own, server, bot, load float64
	foreign                float64 // other programs, and the kernel's own work
	idle                   float64
	calls                  float64 // reads and writes of what answers the messages
}

// used is what was used until now, by the process that answers, the process
// group of the server, and the bot.
func used(pid, group, bot int) usage {
	u := usage{own: harness.ProcessCPU(pid), bot: harness.ProcessCPU(bot), load: harness.ProcessCPU(os.Getpid()), calls: systemCalls(pid)}
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is a good one
	for _, file := range files {
		// proc(5): the process group is the third field after the name.
		if f := harness.StatFields(file); len(f) > 12 && f[2] == strconv.Itoa(group) {
			u.server += harness.Ticks(f[11:13])
		}
	}
	text, err := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(text), "\n")
	if f := strings.Fields(line); err == nil && len(f) > 8 {
		u.idle = harness.Ticks(f[4:6])                                                                // idle, iowait
		u.foreign = harness.Ticks(f[1:4]) + harness.Ticks(f[6:9]) - u.own - u.server - u.bot - u.load // user, nice, system, irq, softirq, steal
	}
	return u
}

// since is what was used for each of n messages since another look.
func (u usage) since(v usage, n float64) usage {
	return usage{(u.own - v.own) / n, (u.server - v.server) / n, (u.bot - v.bot) / n, (u.load - v.load) / n, max(0, (u.foreign-v.foreign)/n), (u.idle - v.idle) / n, (u.calls - v.calls) / n}
}

// systemCalls counts the reads and writes of a process.
func systemCalls(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return 0
	}
	sum := 0.0
	for line := range strings.Lines(string(text)) {
		name, count, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if name == "syscr" || name == "syscw" {
			n, _ := strconv.ParseFloat(count, 64)
			sum += n
		}
	}
	return sum
}
