//go:build integration

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"stanzahook/component/componenttest"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// crowd are the users of the in-process server who write to one address. Each
// of them is a conversation.
type crowd struct {
	srv      *componenttest.Server
	to, name string // of the users: name0, name1, …
	bot      *tally

	next []int     // by user
	sent []sending // all, in order
	gone int       // of these, those that nobody waits for
}

type sending struct {
	text string
	at   time.Time
}

func newCrowd(srv *componenttest.Server, bot *tally, name, to string, users int) *crowd {
	return &crowd{srv: srv, bot: bot, name: name, to: to, next: make([]int, users)}
}

func (c *crowd) user(i int) string { return c.name + strconv.Itoa(i) }

// sentBy counts the messages of one user; none if it is not one of these.
func (c *crowd) sentBy(user string) int {
	i, err := strconv.Atoi(strings.TrimPrefix(user, c.name))
	if err != nil || !strings.HasPrefix(user, c.name) {
		return 0
	}
	return c.next[i]
}

var stanzaPadding = strings.Repeat("x", 200)

// accepted counts the messages of this crowd that were accepted.
func (c *crowd) accepted() int {
	c.bot.mu.Lock()
	defer c.bot.mu.Unlock()
	return c.bot.count[c.name]
}

// put sends the next message of a user.
func (c *crowd) put(i int) error {
	text := numberedText(c.user(i), c.next[i])
	at := time.Now()
	err := c.srv.TrySend("<message type='chat' id='" + text + "' from='" + c.user(i) + "@example.com/r' to='" + c.to + "'><body>" + text + "</body><pad xmlns='urn:example:pad'>" + stanzaPadding + "</pad></message>")
	if err == nil {
		c.next[i]++
		c.sent = append(c.sent, sending{text, at})
	}
	return err
}

// run sends n messages (0: without end), the users taking turns, as fast as the
// bot takes them: at most window are on the way. It ends early with the
// connection, or with ctx.
func (c *crowd) run(ctx context.Context, n, window int) {
	for k := 0; (n == 0 || k < n) && ctx.Err() == nil; k++ {
		for len(c.sent)-c.accepted()-c.gone >= window {
			select {
			case <-c.bot.moved:
			case <-ctx.Done():
				return
			}
		}
		if c.put(len(c.sent)%len(c.next)) != nil {
			return
		}
	}
}

// pace sends n messages and returns how many the bot accepted in a second.
func (c *crowd) pace(t *testing.T, n int) float64 {
	t.Helper()
	goal := c.accepted() + n
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c.run(ctx, n, 200)
	for c.accepted() < goal {
		select {
		case <-c.bot.moved:
		case <-ctx.Done():
			t.Fatalf("%d of %d messages to %s were accepted", c.accepted()-goal+n, n, c.to)
		}
	}
	return float64(n) / time.Since(began).Seconds()
}

// heap sends messages that the bot does not accept now. Whenever it has sent a
// few, it waits for one to another bot to arrive, so that the program's reader
// has read them.
func (c *crowd) heap(t *testing.T, n int, other *crowd) {
	t.Helper()
	for k := range n {
		if err := c.put(k % len(c.next)); err != nil {
			t.Fatal(err)
		}
		if k%250 == 249 {
			other.pace(t, 1)
		}
	}
}

// errorsSent returns the texts of the messages that were answered with an error.
func errorsSent(t *testing.T, srv *componenttest.Server) map[string]bool {
	t.Helper()
	all := make(map[string]bool)
	for _, s := range srv.Received() {
		if s.Type != "error" {
			continue
		}
		all[s.ID] = true
		if e, ok := s.StanzaError(); !ok || e.Type != stanza.Wait || e.Condition != stanza.ResourceConstraint {
			t.Errorf("an error nobody should get: %s", s.XML())
		}
	}
	return all
}

// queueEndpoint is an endpoint of the tests of the queue.
type queueEndpoint struct {
	name, to string // the address that it gets messages for
	bot      *tally
	timeout  string   // default: 15s
	schedule []string // default: the product's
}

// manySteps is a schedule by which nothing is given up while a test runs,
// though others of its endpoint succeed.
var manySteps = slices.Repeat([]string{"300ms"}, 500)

// queueConfig writes a configuration with one component.
func queueConfig(t *testing.T, server, domain, secret, storeDir string, endpoints ...queueEndpoint) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "components: [{domain: %q, server: %q, secret: %q}]\nendpoints:\n", domain, server, secret)
	for _, e := range endpoints {
		fmt.Fprintf(&b, "  - {name: %s, url: %q, match: {to: %q}", e.name, e.bot.url(), e.to)
		if e.timeout != "" {
			fmt.Fprintf(&b, ", timeout: %s", e.timeout)
		}
		if len(e.schedule) > 0 {
			fmt.Fprintf(&b, ", retry: {schedule: [%s]}", strings.Join(e.schedule, ", "))
		}
		b.WriteString("}\n")
	}
	fmt.Fprintf(&b, "http: {listen: \"127.0.0.1:0\", insecure_no_auth: true}\nstore: {dir: %q}\ndrain: 10s\n", storeDir)
	file := filepath.Join(t.TempDir(), "stanzahook.yaml")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// startLinked starts the program with a configuration file and waits for the
// connection of its component.
func startLinked(t *testing.T, file string) *program {
	t.Helper()
	p := command(t, "serve", "--config", file)
	await(t, "stanzahook has started and is connected", time.Minute, func() bool {
		if p.ended() {
			t.Fatalf("stanzahook ended: %v", p.err)
		}
		up := false
		for _, e := range p.log.entries() {
			if e.Msg == "started" {
				p.addr = e.HTTP
			}
			up = up || e.Msg == "connected"
		}
		return up && p.addr != ""
	})
	return p
}

// await is eventually for what may take longer.
func await(t *testing.T, what string, within time.Duration, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(within)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("in vain: %s", what)
		}
	}
}

// awaitAccepted waits until n messages are accepted, or have what else is counted;
// however long that takes, as long as it goes on.
func awaitAccepted(t *testing.T, count func() int, n int) {
	t.Helper()
	for before := count(); before < n; before = count() {
		// The pause of an open breaker is in it.
		await(t, fmt.Sprintf("more than %d of %d messages are accepted or answered", before, n), 90*time.Second, func() bool { return count() > before })
	}
}

// openStore opens the store of a program that has ended.
func openStore(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{
		Dir: dir, Sync: store.SyncInterval, MaxBytes: 4 << 30, MaxStanzaBytes: 256 << 10, OutboxBytes: 256 << 20, OutboxCount: 100_000,
		LogKeep: 24 * time.Hour, LogCount: 100_000, DeadKeep: 14 * 24 * time.Hour, DeadBytes: 1 << 30, Log: zap.NewNop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// eventsIn returns what the queues in a directory hold: the ids of the events, by
// the ids of their stanzas.
func eventsIn(t *testing.T, dir string, endpoints ...string) map[string]string {
	t.Helper()
	s := openStore(t, dir)
	defer s.Close()
	held := make(map[string]string)
	for _, name := range endpoints {
		q, err := s.Queue(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		for conversation, n := range q.Backlog() {
			list, err := q.Read(t.Context(), conversation, 0, n)
			if err != nil || len(list) != n {
				t.Fatalf("%d of %d events of a conversation can be read: %v", len(list), n, err)
			}
			last := -1
			for _, r := range list {
				x, err := stanza.Parse(r.Stanza, stanza.Limits{})
				if err != nil {
					t.Fatal(err)
				}
				if _, n, ok := readNumbered(x.ID); !ok || n <= last {
					t.Fatalf("%s is stored behind number %d", x.ID, last)
				} else {
					last = n
				}
				held[x.ID] = r.ID
			}
		}
	}
	return held
}

// withoutRace runs the rest of a test with a program that was built without the
// race detector, whose speed and memory are those of the product.
func withoutRace(t *testing.T) {
	t.Helper()
	was := binary
	plain := filepath.Join(filepath.Dir(was), "stanzahook-plain")
	cmd := exec.Command("go", "build", "-o", plain, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the program does not build: %v\n%s", err, out)
	}
	binary = plain
	t.Cleanup(func() { binary = was })
}

// resident returns the resident memory of a program, in bytes, when it has not
// become less for a while.
func (p *program) resident() int64 {
	p.t.Helper()
	least, since := int64(1<<62), time.Now()
	await(p.t, "the memory settles", time.Minute, func() bool {
		if n := p.residentNow(); n < least-1<<20 {
			least, since = n, time.Now()
		}
		return time.Since(since) > 5*time.Second
	})
	return least
}

func (p *program) residentNow() int64 { return p.memory("VmRSS:") }

// peak returns the most resident memory that a program has had, in bytes.
func (p *program) peak() int64 { return p.memory("VmHWM:") }

// memory is a line of proc(5), status.
func (p *program) memory(line string) int64 {
	p.t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) == 3 && fields[0] == line {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				p.t.Fatal(err)
			}
			return n << 10
		}
	}
	p.t.Fatal("the system does not tell the resident memory")
	return 0
}

func median[T float64 | time.Duration](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// rounded is for the log.
func rounded(values []float64) []int {
	var list []int
	for _, v := range values {
		list = append(list, int(v))
	}
	return list
}
