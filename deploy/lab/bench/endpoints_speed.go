//go:build linux

package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stanzahook/component/componenttest"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// endpointsSpeed measures what many endpoints cost, from an in-process peer to a bot that
// accepts everything: the start until /readyz says ready, the memory, the CPU while
// nothing happens, and that of an event. With OTHER, the path of another build of
// stanzahook, that one takes turns. Of pulled endpoints, each gets an event in its turn, one
// a second in all, and nobody reads them.
func endpointsSpeed(t testing.TB) {
	const events, window, idle = 4000, 100, 5 * time.Second
	programs := []string{harness.Binary}
	if other := os.Getenv("OTHER"); other != "" {
		programs = append(programs, other)
	}
	var figures []load.Figure
	for _, shape := range []struct {
		name         string
		push, pulled int
	}{{"1 endpoint", 1, 0}, {"1000 endpoints", 1000, 0}, {"10000 pulled endpoints", 1, 10_000}} {
		ready, memory, resting, each := make([][]float64, len(programs)), make([][]float64, len(programs)), make([][]float64, len(programs)), make([][]float64, len(programs))
		for range load.BenchRounds(t) {
			for i, program := range programs {
				if i > 0 && shape.pulled > 0 {
					continue // it does not start
				}
				was := harness.Binary
				harness.Binary = program
				m := measureEndpoints(t, shape.push, shape.pulled, events, window, idle)
				harness.Binary = was
				ready[i], memory[i] = append(ready[i], m.ready), append(memory[i], m.memory)
				resting[i], each[i] = append(resting[i], m.resting), append(each[i], m.event)
			}
		}
		for i, name := range []string{"", "OTHER, "}[:len(programs)] {
			if len(ready[i]) == 0 {
				continue
			}
			figures = append(figures,
				load.NewFigure(shape.name, "", name+"start", "ms", ready[i], nil),
				load.NewFigure(shape.name, "", name+"memory", "MiB", memory[i], nil),
				load.NewFigure(shape.name, "", name+"CPU at rest", "ms/s", resting[i], nil),
				load.NewFigure(shape.name, "", name+"CPU of an event", "µs", each[i], nil))
		}
	}
	load.KeepFigures(t, "endpoints", figures)
}

// endpointsCost is what one run showed, in ms, MiB, ms/s and µs.
type endpointsCost struct{ ready, memory, resting, event float64 }

func measureEndpoints(t testing.TB, push, pulled, events, window int, idle time.Duration) (m endpointsCost) {
	var taken atomic.Int64
	bot := listenHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			taken.Add(1)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	var endpoints strings.Builder
	for i := range push {
		fmt.Fprintf(&endpoints, "  - {name: e%d, url: \"http://%s/\", match: {to: \"e%[1]d@*\"}}\n", i, bot)
	}
	for i := range pulled {
		fmt.Fprintf(&endpoints, "  - {name: p%d, delivery: queued, match: {to: \"p%[1]d@*\"}}\n", i)
	}
	peer := componenttest.NewServer(t, "load.localhost", harness.Secret)
	p, took := startWith(t, t.TempDir(), peer.Addr(), endpoints.String())
	m.ready = float64(took.Microseconds()) / 1e3
	message := func(to string, i int) {
		peer.Send(fmt.Sprintf("<message type='chat' id='%d' from='u%d@localhost/r' to='%s@load.localhost'><body>%[1]d</body></message>", i, i%100, to))
	}
	sent := 0
	deliver := func(n int) {
		for end := sent + n; sent < end; {
			for ; sent < end && sent-int(taken.Load()) < window; sent++ {
				message(fmt.Sprint("e", sent%push), sent)
			}
			time.Sleep(100 * time.Microsecond)
		}
		harness.Await(t, "all events are delivered", time.Minute, func() bool { return int(taken.Load()) >= sent })
	}
	deliver(max(push, events/4)) // to warm up
	before := harness.ProcessCPU(p.Cmd.Process.Pid)
	deliver(events)
	m.event = (harness.ProcessCPU(p.Cmd.Process.Pid) - before) / float64(events)
	m.memory = float64(p.Resident()) / (1 << 20)
	before, began := harness.ProcessCPU(p.Cmd.Process.Pid), time.Now()
	for i := 0; time.Since(began) < idle; i++ {
		if pulled > 0 {
			message(fmt.Sprint("p", i%pulled), i)
		}
		time.Sleep(time.Second)
	}
	m.resting = (harness.ProcessCPU(p.Cmd.Process.Pid) - before) / 1e3 / time.Since(began).Seconds()
	p.Stop()
	peer.Close()
	return m
}
