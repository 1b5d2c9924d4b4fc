//go:build integration

package stream

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"stanzahook/deploy/lab/natsserver"
)

var events = Config{Name: "EVENTS", About: "events", Subjects: "event.*.*", First: 1 << 40, RefuseNew: true, MaxBytes: 1 << 28, Sequenced: true}

func connectTo(t *testing.T, url string, replicas int, onLost func(string)) *Server {
	t.Helper()
	for {
		s, err := Connect(t.Context(), Remote{URL: url, Name: "lab", Replicas: replicas, OnLost: onLost}, Options{MaxBytes: 1 << 30, MaxRecordBytes: 1 << 20, Log: zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel))})
		if err == nil {
			t.Cleanup(s.Stop)
			return s
		}
		t.Log(err)
		time.Sleep(100 * time.Millisecond)
	}
}

func openEvents(t *testing.T, s *Server) *Stream {
	t.Helper()
	st := s.Stream(events)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for err := st.Open(ctx); err != nil; err = st.Open(ctx) {
		if ctx.Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return st
}

// Appends go on while servers of a cluster are killed and started again: each gets a
// result, none is refused, and all are there, in order.
func TestRemoteKills(t *testing.T) {
	c := natsserver.Start(t, natsserver.Options{Nodes: 3})
	s := connectTo(t, c.URL(), 3, func(reason string) { t.Errorf("lost: %s", reason) })
	st := openEvents(t, s)
	const n = 3000
	var last atomic.Uint64
	results := make(chan error, n)
	go func() {
		for i := range n {
			s.Append(&Append{Subject: fmt.Sprintf("event.echo.c%d", i%7), Data: fmt.Appendf(nil, "%d", i), Result: func(_ *Append, seq uint64, err error) {
				if err == nil && seq <= last.Swap(seq) {
					err = fmt.Errorf("result of place %d after that of a later one", seq)
				}
				results <- err
			}})
			time.Sleep(time.Millisecond)
		}
	}()
	for i := range n {
		require.NoError(t, <-results)
		switch k := i / 1000 % 3; i % 1000 {
		case 300:
			c.Nodes[k].Kill()
		case 600:
			c.Nodes[k].Start()
		}
	}
	s.Wait()
	want := 0
	for from := uint64(1); ; {
		page, err := st.Page(t.Context(), "", from, 500)
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		for i := range page {
			if string(page[i].Data) != fmt.Sprint(want) {
				t.Fatalf("%s is where %d should be", page[i].Data, want)
			}
			want++
		}
		from = page[len(page)-1].Seq + 1
	}
	if want != n {
		t.Errorf("%d records, want %d", want, n)
	}
	if h := s.Health(); h.Republished == 0 || h.Unwritten != 0 {
		t.Errorf("%+v", h)
	}
}

// A second process that opens the streams ends the first one: nothing more of it is stored.
func TestRemoteFence(t *testing.T) {
	c := natsserver.Start(t, natsserver.Options{})
	lost := make(chan string, 1)
	first := connectTo(t, c.URL(), 1, func(reason string) { lost <- reason })
	openEvents(t, first)
	put := func(s *Server, name string, done func(uint64, error)) {
		s.Append(&Append{Subject: "event.echo.c", Data: []byte(name), Result: func(_ *Append, seq uint64, err error) { done(seq, err) }})
	}
	place := make(chan uint64, 1)
	put(first, "a", func(seq uint64, err error) { place <- seq })
	at := <-place
	second := connectTo(t, c.URL(), 1, func(reason string) { t.Error(reason) })
	st := openEvents(t, second)
	put(second, "c", func(seq uint64, err error) { place <- seq })
	if next := <-place; next <= at {
		t.Errorf("place %d after %d", next, at)
	}
	for i := range inFlight {
		put(first, fmt.Sprint("b", i), func(uint64, error) {})
	}
	if reason := <-lost; !strings.Contains(reason, "another process writes") {
		t.Error(reason)
	}
	page, err := st.Page(t.Context(), "", 1, 10)
	if err != nil || len(page) != 2 || string(page[1].Data) != "c" {
		t.Errorf("%d records, %v", len(page), err)
	}
}

// What cannot be is named, with what to do.
func TestRemoteNamesTrouble(t *testing.T) {
	for _, c := range []struct {
		name     string
		o        natsserver.Options
		remote   Remote
		contains []string
	}{
		{"password", natsserver.Options{Config: "authorization { user: u, password: p }\n"}, Remote{User: "u", Password: "x", Replicas: 1}, []string{"Authorization Violation", "compare store.nats"}},
		{"payload", natsserver.Options{MaxPayload: "1MB"}, Remote{Replicas: 1}, []string{"max_payload is 1048576 bytes", "set max_payload"}},
		{"peers", natsserver.Options{}, Remote{Replicas: 3}, []string{"replicas: 1"}},
		{"room", natsserver.Options{MaxStore: "1MB"}, Remote{Replicas: 1}, []string{"raise their limit"}},
		{"permissions", natsserver.Options{Config: `authorization { users: [{user: u, password: p, permissions: {publish: ["$JS.API.INFO"], subscribe: ["_INBOX.lab.>"]}}] }` + "\n"}, Remote{User: "u", Password: "p", Replicas: 1}, []string{"permissions"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cluster := natsserver.Start(t, c.o)
			r := c.remote
			r.URL, r.Name = cluster.URL(), "lab"
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			s, err := Connect(ctx, r, Options{MaxBytes: 1 << 30, MaxRecordBytes: 2 << 20, Log: zap.NewNop()})
			if err == nil {
				defer s.Stop()
				err = s.Stream(events).Open(ctx)
			}
			for _, text := range c.contains {
				if err == nil || !strings.Contains(err.Error(), text) {
					t.Errorf("%v does not say %q", err, text)
				}
			}
		})
	}
	_, err := Connect(t.Context(), Remote{URL: "nats://127.0.0.1:1", Name: "lab", Replicas: 1}, Options{Log: zap.NewNop()})
	if err == nil || !strings.Contains(err.Error(), "is NATS running") {
		t.Error(err)
	}
}
