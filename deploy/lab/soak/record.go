//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// soakSample is one look at the program: bytes, counts, milliseconds.
type soakSample struct {
	Seconds                                 float64
	Resident, Heap, Descriptors, Goroutines float64
	StoreBytes, Queued, Dead                float64
	AnswerP50, AnswerP99, Answers           float64
}

// soakRecord are the looks at a program.
type soakRecord struct {
	t     testing.TB
	p     *harness.Program
	csv   string
	began time.Time
	all   []soakSample

	// What was asked for besides messages, and what of it went wrong.
	iqs, pings, refreshes, wrong atomic.Int64
	posts                        load.Balance

	mu     sync.Mutex
	waited []time.Duration // since the last look
}

// look reads what the program and the system tell now.
func (c *soakRecord) look() soakSample {
	c.t.Helper()
	if c.began.IsZero() {
		c.began = time.Now()
	}
	s := soakSample{Seconds: time.Since(c.began).Seconds(), Resident: float64(c.p.ResidentNow())}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.p.Cmd.Process.Pid))
	if err != nil {
		c.t.Fatal(err)
	}
	s.Descriptors = float64(len(open))
	for line := range strings.Lines(c.p.Get("/metrics").Body) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, _ := strconv.ParseFloat(value, 64) // comments are no numbers, and not looked at
		name, _, _ = strings.Cut(name, "{")
		switch name {
		case "go_memstats_heap_alloc_bytes":
			s.Heap = n
		case "go_goroutines":
			s.Goroutines = n
		case "stanzahook_store_bytes":
			s.StoreBytes = n
		case "stanzahook_endpoint_queued_events":
			s.Queued += n
		case "stanzahook_endpoint_dead_letters", "stanzahook_outbox_dead_letters":
			s.Dead += n
		}
	}
	return s
}

func (c *soakRecord) sample() {
	s := c.look()
	c.mu.Lock()
	waited := c.waited
	c.waited = nil
	c.mu.Unlock()
	if slices.Sort(waited); len(waited) > 0 {
		s.AnswerP50 = waited[len(waited)/2].Seconds() * 1e3
		s.AnswerP99 = waited[len(waited)*99/100].Seconds() * 1e3
	}
	s.Answers = float64(len(waited))
	c.all = append(c.all, s)
}

// probe measures how long a user waits for an answer, again and again.
func (c *soakRecord) probe(ctx context.Context, u harness.User) {
	n := 0
	paced(ctx, 20*time.Millisecond, func() {
		n++
		text := load.NumberedText("probe", n)
		began := time.Now()
		wait, stop := context.WithTimeout(context.Background(), harness.Patience)
		defer stop()
		err := u.SendRaw(fmt.Sprintf("<message to='event@soak.localhost' type='chat' id='%s'><body>%s</body></message>", text, text))
		if err == nil {
			_, err = u.Next(wait, func(r lab.Received) bool { return r.Kind == "message" && r.Body == text })
		}
		if err != nil {
			c.t.Errorf("no answer to %s: %v", text, err)
			return
		}
		c.mu.Lock()
		c.waited = append(c.waited, time.Since(began))
		c.mu.Unlock()
	})
}

// settles waits until descriptors and goroutines are about what they were; idle
// HTTP connections close by themselves, some later than others.
func (c *soakRecord) settles(before soakSample) {
	c.t.Helper()
	const slack = 40 // idle connections to bots and from callers
	harness.Await(c.t, "descriptors and goroutines are back", 2*time.Minute, func() bool {
		now := c.look()
		return now.Descriptors <= before.Descriptors+slack && now.Goroutines <= before.Goroutines+2*slack
	})
}

// judge compares the last third with the middle one: what grows without end has
// grown by half between them; the bounds are wider than what a collector does.
func (c *soakRecord) judge() {
	c.t.Helper()
	third := len(c.all) / 3
	if third < 3 {
		c.t.Fatalf("%d samples are too few to judge", len(c.all))
	}
	for _, what := range []struct {
		name  string
		slack float64
		of    func(soakSample) float64
	}{
		{"resident memory", 24 << 20, func(s soakSample) float64 { return s.Resident }},
		{"descriptors", 30, func(s soakSample) float64 { return s.Descriptors }},
		{"goroutines", 60, func(s soakSample) float64 { return s.Goroutines }},
	} {
		of := func(part []soakSample) float64 {
			var values []float64
			for _, s := range part {
				values = append(values, what.of(s))
			}
			return harness.Median(values)
		}
		middle, last := of(c.all[third:2*third]), of(c.all[2*third:])
		c.t.Logf("%s: %.0f in the middle third, %.0f in the last", what.name, middle, last)
		if last > middle*1.2+what.slack {
			c.t.Errorf("%s grows: %.0f in the middle third, %.0f in the last", what.name, middle, last)
		}
	}
}

// write leaves the account and the samples, and fails for what is lost, refused, out of
// order or there twice: nothing is killed here.
func (c *soakRecord) write(talkers []*load.Talker) {
	c.t.Helper()
	result := map[string]any{
		"samples": c.all, "posts": c.posts, "iqs_of_users": c.iqs.Load(), "iqs_by_http": c.pings.Load(), "roster_refreshes": c.refreshes.Load(),
		"wrong_answers": c.wrong.Load(),
	}
	c.t.Logf("posts: %+v; %d IQs of users, %d by HTTP, %d refreshes, %d wrong answers", c.posts, c.iqs.Load(), c.pings.Load(), c.refreshes.Load(), c.wrong.Load())
	if n := len(c.all); n > 0 {
		result["dead_letters"] = c.all[n-1].Dead
		if c.all[n-1].Dead > 0 {
			c.t.Errorf("%.0f dead letters", c.all[n-1].Dead)
		}
	}
	for _, k := range talkers {
		answers, errors := k.Counts()
		k.Mu.Lock()
		problems, again := slices.Clone(k.Problems), k.Again
		k.Mu.Unlock()
		lost := k.Sent - answers - errors
		result[k.Name+" to "+k.To] = map[string]any{"sent": k.Sent, "answered": answers, "bounced": errors, "duplicates": again, "lost": lost, "problems": problems}
		c.t.Logf("%s to %s: %d sent, %d answered, %d bounced, %d came twice, %d lost, %d out of order or wrong", k.Name, k.To, k.Sent, answers, errors, again, lost, len(problems))
		if lost != 0 || errors != 0 || again != 0 || len(problems) > 0 {
			c.t.Errorf("%s: %v", k.To, problems)
		}
	}
	text, err := json.MarshalIndent(result, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(filepath.Dir(c.csv), "soak.json"), text, 0o644)
	}
	var b strings.Builder
	b.WriteString("seconds,resident,heap,descriptors,goroutines,store,queued,p50_ms,p99_ms,answers,dead\n")
	for _, s := range c.all {
		fmt.Fprintf(&b, "%.1f,%.0f,%.0f,%.0f,%.0f,%.0f,%.0f,%.3f,%.3f,%.0f,%.0f\n", s.Seconds, s.Resident, s.Heap, s.Descriptors, s.Goroutines, s.StoreBytes, s.Queued, s.AnswerP50, s.AnswerP99, s.Answers, s.Dead)
	}
	if err == nil {
		err = os.WriteFile(c.csv, []byte(b.String()), 0o644)
	}
	if err != nil {
		c.t.Error(err)
	}
}
