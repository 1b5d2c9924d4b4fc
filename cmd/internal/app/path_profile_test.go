//go:build integration && bench

package app

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// TestPathProfile shows where the CPU goes at full load on real servers, in the groups
// that deploy/guide/performance.md sums up: format event, queued, a text as the reply. For that the
// program runs in the process of the test, beside the load, whose samples are left
// out. It fails if an answer is missing or out of order, or a group has no samples, and
// judges nothing else. The profiles stay in BENCH_DIR, for "go tool pprof".
func TestPathProfile(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	ShareCores() // as serve does
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	for _, kind := range []lab.Kind{lab.Prosody, lab.Ejabberd} {
		t.Run(string(kind), func(t *testing.T) { pathProfile(t, kind) })
	}
}

func pathProfile(t *testing.T, kind lab.Kind) {
	bin := filepath.Join(t.TempDir(), "echobot")
	if out, err := exec.Command("go", "build", "-o", bin, "stanzahook/deploy/lab/echobot").CombinedOutput(); err != nil {
		t.Fatalf("no build: %v\n%s", err, out)
	}
	bot := harness.Helper(t, bin, "-listen", "127.0.0.1:0")
	o := harness.ServerOptions(kind, "load")
	o.Nagle = true
	s := harness.StartServer(t, o)
	start(t, nil, zap.NewNop(), fmt.Sprintf("components: [{domain: load.localhost, server: %q, secret: %q}]\n", s.ComponentAddr(), harness.Secret),
		noAuth+fmt.Sprintf("endpoints: [{name: echo, url: \"http://%s/\"}]\n", bot.Said))
	var clients []*load.PathClient
	for i := range load.PathClients {
		clients = append(clients, load.PathLogin(t, s, harness.Users[i]))
	}
	w := &load.Walker{Name: "stanzahook", Address: "echo@load.localhost", Count: load.PathCount}
	load.PathRound(t, clients, w, load.PathWindow, w.Count/4) // to warm up

	require.NoError(t, os.MkdirAll(load.BenchDir(t), 0o755))
	name := filepath.Join(load.BenchDir(t), "cpu-"+string(kind)+".prof")
	f, err := os.Create(name)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, pprof.StartCPUProfile(f))
	for range load.BenchRounds(t) {
		load.PathRound(t, clients, w, load.PathWindow, w.Count)
	}
	pprof.StopCPUProfile()
	printCosts(t, kind, name, load.BenchRounds(t)*w.Count)
}

// cost is a group of stacks: those with one of the functions.
type cost struct {
	what      string
	functions []string
}

// costGroups are those that deploy/guide/performance.md sums up. A stack belongs to the first that it
// fits; one that fits no other is the scheduler's.
func costGroups() []cost {
	return []cost{
		{"", []string{"load.(*PathClient)", "load.PathRound"}}, // the load
		{"garbage collector", []string{"runtime.gcBgMarkWorker", "runtime.gcStart", "runtime.bgsweep", "runtime.bgscavenge", "runtime.gcAssistAlloc"}},
		{"the delivery log", []string{"deliverylog.("}},
		{"remembering messages, watching", []string{"message.(*Recent)", "delivery.(*Watch)"}},
		{"removing events from the store", []string{"purge", "Purge"}},
		{"storing events", []string{"nats-server", "nats.go", "nats%2ego", "internal/stream.("}},
		{"JSON, the reply", []string{"webhook.encodeEvent", "webhook.judgeEvent"}},
		{"the POST: system calls", nil}, // see costOf
		{"the POST: the rest", []string{"webhook.(*plain)", "webhook.(*Client)"}},
		{"reading from and writing to the XMPP server", []string{"component.(*Link)", "component.(*connection)", "socket.(*Conn)"}},
		{"lanes", []string{"delivery.(*queue)", "delivery.(*Worker)"}},
		{"scheduler, all else", []string{""}},
	}
}

// costOf is the place of a stack in costs.
func costOf(costs []cost, stack string) int {
	for i, c := range costs {
		for _, f := range c.functions {
			if !strings.Contains(stack, f) {
				continue
			}
			if strings.HasPrefix(c.what, "the POST") && strings.Contains(stack, "syscall.") {
				return i - 1
			}
			return i
		}
	}
	return len(costs) - 1
}

// printCosts sums a profile up, over n messages.
func printCosts(t *testing.T, kind lab.Kind, profile string, n int) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	out, err := exec.Command("go", "tool", "pprof", "-traces", self, profile).Output()
	require.NoError(t, err)
	costs := costGroups()
	spent := make([]time.Duration, len(costs))
	var total time.Duration
	for _, trace := range strings.Split(string(out), "-----------+")[1:] {
		_, trace, _ = strings.Cut(trace, "\n") // the rest of the line between two
		value, stack, _ := strings.Cut(strings.TrimSpace(trace), " ")
		took, err := time.ParseDuration(value)
		if err != nil {
			continue // after the last
		}
		i := costOf(costs, stack)
		if spent[i] += took; i != 0 {
			total += took
		}
	}
	if total == 0 {
		t.Fatalf("no samples in %s", profile)
	}
	order := make([]int, 0, len(costs))
	for i, c := range costs {
		if spent[i] == 0 {
			t.Errorf("no sample of %q: are its functions %q?", c.what, c.functions)
		}
	}
	for i := range costs[1:] {
		order = append(order, i+1)
	}
	slices.SortFunc(order, func(a, b int) int { return int(spent[b] - spent[a]) })
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %.1f µs of CPU a message (%d samples of 10 ms), of that:\n", kind, float64(total.Nanoseconds())/1e3/float64(n), total/(10*time.Millisecond))
	for _, i := range order {
		fmt.Fprintf(&b, "%5.1f %%  %s\n", 100*float64(spent[i])/float64(total), costs[i].what)
	}
	t.Log(b.String())
}
