package store

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store/internal/stream"
)

// A store in which each queue has a stream of its own, as commit 153c162 left it
// when it was killed, opens: each event is there once, in the order of its conversation.
func TestQueuesOfAnEarlierVersion(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("tar", "-xzf", filepath.Join("testdata", "queues-153c162.tar.gz"), "-C", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for again := range 2 { // the second time there is nothing to take over
		s, err := Open(t.Context(), Elsewhere(Options{Dir: filepath.Join(dir, "store"), OutboxBytes: 64 << 20}))
		require.NoError(t, err)
		if names := s.Queues().Unclaimed(); len(names) != 2 {
			t.Errorf("queues %q", names)
		}
		for _, endpoint := range []string{"failing", "pulled"} {
			q, err := s.Queues().Open(t.Context(), endpoint)
			require.NoError(t, err)
			n := 0
			for conversation := range q.Backlog() {
				list, err := q.Read(t.Context(), conversation, 0, 1000)
				require.NoError(t, err)
				last := -1
				for _, r := range list {
					x, err := stanza.Parse(r.Stanza, stanza.Limits{})
					require.NoError(t, err)
					number := 0
					if _, err := fmt.Sscanf(x.ID, endpoint+"-%d", &number); err != nil || number <= last {
						t.Errorf("%s after %d: %v", x.ID, last, err)
					}
					last = number
				}
				n += len(list)
			}
			if n != 200 {
				t.Errorf("%d: %s has %d events", again, endpoint, n)
			}
		}
		s.Close()
	}
}

// kill -9 while queues are taken over, again and again: in the end each event is there
// once, in order.
func TestTakeOverIsKilled(t *testing.T) {
	const events, conversations = 20_000, 7
	kills := 5
	if os.Getenv("STANZAHOOK_FAULTS") == "full" {
		kills = 12
	}
	if dir := os.Getenv("STANZAHOOK_TAKE_OVER"); dir != "" { // the process that is killed
		fmt.Println("begin")
		if _, err := Open(context.Background(), Elsewhere(Options{Dir: dir, MaxBytes: 1 << 30, Log: zap.NewNop()})); err != nil {
			fmt.Println(err)
		}
		fmt.Println("end")
		select {}
	}
	dir := t.TempDir()
	s, err := Open(t.Context(), Elsewhere(Options{Dir: dir, MaxBytes: 1 << 30}))
	require.NoError(t, err)
	st := s.srv.Stream(stream.Config{Name: earlierPrefix + "echo", About: "queue of echo", Subjects: "ev.echo.*"})
	require.NoError(t, st.Open(t.Context()))
	stored := make(chan error, events)
	for i := range events {
		r := Record{ID: fmt.Sprintf("evt_%d", i), Component: "bot.example.com", Received: time.UnixMilli(1), Since: time.UnixMilli(2), Stanza: "<message/>"}
		s.srv.Append(&stream.Append{Subject: fmt.Sprintf("ev.echo.c%d", i%conversations), Data: r.data(), Result: func(_ *stream.Append, _ uint64, err error) { stored <- err }})
	}
	for range events {
		require.NoError(t, <-stored)
	}
	s.Close()
	broken := 0
	for k := range kills {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTakeOverIsKilled$")
		child.Env = append(os.Environ(), "STANZAHOOK_TAKE_OVER="+dir)
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		lines := bufio.NewScanner(out)
		lines.Scan() // it begins
		ended := make(chan bool)
		go func() { ended <- lines.Scan() }()
		select {
		case <-ended:
			_ = child.Process.Kill()
		case <-time.After(time.Duration(20+360*k/kills) * time.Millisecond):
			_ = child.Process.Kill()
			if !<-ended {
				broken++
			}
		}
		_ = child.Wait() // it was killed
	}
	s, err = Open(t.Context(), Elsewhere(Options{Dir: dir, MaxBytes: 1 << 30}))
	require.NoError(t, err)
	defer s.Close()
	q, err := s.Queues().Open(t.Context(), "echo")
	require.NoError(t, err)
	for c := range conversations {
		list, err := q.Read(t.Context(), fmt.Sprintf("c%d", c), 0, events)
		require.NoError(t, err)
		var want, got []string
		for i := c; i < events; i += conversations {
			want = append(want, fmt.Sprintf("evt_%d", i))
		}
		for _, r := range list {
			got = append(got, r.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("conversation %d: %d events, want %d", c, len(got), len(want))
		}
	}
	if broken == 0 {
		t.Errorf("none of %d kills came before the end", kills)
	}
	t.Logf("%d of %d kills came before the end", broken, kills)
}

// A move that fails in the middle is ended by the next sweep: its copies count as far as
// they go, and what was acknowledged meanwhile does not come again.
func TestMoveFails(t *testing.T) {
	at := lane{"a", "x"}
	for _, c := range [][]int{nil, {0, 1, 2}, {0, 2, 3}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			l := &lanes{t: t, rnd: rand.New(rand.NewPCG(1, 2)), dir: t.TempDir(), wait: make(map[lane][]Stored), acked: make(map[string]bool)}
			l.open()
			defer func() { l.s.Close() }()
			l.hold(time.Hour)
			l.put(at, 10)
			q := l.queue("a")
			q.moving.Lock()
			l.s.queues.touch(q)
			q.broken = l.s.queues.recent.begin(l.wait[at][0].Seq)
			for _, i := range c {
				l.copyOf(q, &l.wait[at][i], true)
			}
			l.check()
			l.ack(at, 1)
			l.check()
			q.moving.Unlock()
			l.put(at, 10)
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
				q.moving.Lock()
				mended := q.broken == nil
				q.moving.Unlock()
				if mended {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("the move is still broken off")
				}
				l.s.queues.wake()
			}
			l.check()
			l.hold(time.Millisecond)
			l.ack(at, 1<<20)
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
				if n, err := l.s.Queues().Waiting(t.Context()); err == nil && n == 0 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("events are left")
				}
			}
		})
	}
}
