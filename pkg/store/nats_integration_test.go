//go:build integration

package store_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"stanzahook/deploy/lab/natsserver"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store"
)

// local are the tests that are about files, about one server that is opened anew after a
// write has failed, or about stores of earlier versions, which were all embedded; and those that
// open no store, or have a NATS of their own.
const local = "^(TestMarks|TestReplicasOnNATS|TestSweepEndsWhileNATSIsAway|TestStopOverALongWay|TestMoveEndsWhileWaitingIsFull|TestCopy.*|TestOnNATS|TestNATS.*|TestDiskFull.*|TestStoredWhileBroken|TestRefusedCopies|TestStoreOfEarlierVersion|TestDamageIsReported|TestOneProcessPerDirectory|TestProbe|TestQueuesOfAnEarlierVersion|TestTakeOverIsKilled|TestMoveFails|Example.*)$"

// Everything that is tested of the embedded store holds on NATS as well: on one server, and
// on a cluster of three that each have all records, which takes minutes: with
// STANZAHOOK_FAULTS=full, as "make faults" has it.
func TestOnNATS(t *testing.T) {
	t.Parallel()
	clusters := []int{1}
	if os.Getenv("STANZAHOOK_FAULTS") == "full" {
		clusters = append(clusters, 3)
	}
	for _, nodes := range clusters {
		t.Run(fmt.Sprint(nodes), func(t *testing.T) {
			c := natsserver.Start(t, natsserver.Options{Nodes: nodes, MaxStore: "40GB"})
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.timeout=20m", "-test.skip="+local)
			cmd.Env = append(os.Environ(), "STANZAHOOK_TEST_NATS="+c.URL(), fmt.Sprintf("STANZAHOOK_TEST_NATS_REPLICAS=%d", nodes))
			out, err := cmd.CombinedOutput()
			if n := bytes.Count(out, []byte("--- PASS: ")); err != nil || n < 40 {
				t.Errorf("%d tests passed, %v\n%s", n, err, failures(string(out)))
			}
		})
	}
}

// failures are the lines of a test's output that are about failures.
func failures(out string) string {
	var lines []string
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "=== ") && !strings.Contains(line, "--- PASS") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-200):], "")
}

// An installation has 15 streams, whatever it stores.
func TestNATSStreams(t *testing.T) {
	t.Parallel()
	c := natsserver.Start(t, natsserver.Options{Nodes: 1})
	s, err := store.Open(t.Context(), store.Options{NATS: &store.NATS{URL: c.URL(), Name: "lab", Replicas: 1}, MaxBytes: 64 << 20, Log: zap.NewNop()})
	require.NoError(t, err)
	defer s.Close()
	for _, endpoint := range []string{"one", "two", "three"} {
		queue(t, s, endpoint)
	}
	board, err := store.OpenBoard(t.Context(), store.NATS{URL: c.URL(), Name: "lab", Replicas: 1}, 64<<20, zap.NewNop(), func([]byte) {})
	require.NoError(t, err)
	defer board.Close()
	nc, err := nats.Connect(c.URL())
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	var names []string
	for name := range js.StreamNames(t.Context()).Name() {
		names = append(names, name)
	}
	if len(names) > 15 {
		t.Errorf("%d streams: %v", len(names), names)
	}
}

// Rooms and avatars in any number leave the replicas their record, and endpoints their states.
func TestNATSStatesLeaveRoom(t *testing.T) {
	t.Parallel()
	c := natsserver.Start(t, natsserver.Options{Nodes: 1})
	n := store.NATS{URL: c.URL(), Name: "lab", Replicas: 1}
	s, err := store.Open(t.Context(), store.Options{NATS: &n, MaxBytes: 64 << 20, Log: zap.NewNop()})
	require.NoError(t, err)
	defer s.Close()
	for i := 0; err == nil; i++ {
		err = s.Avatars().Put(t.Context(), fmt.Sprint("a", i), make([]byte, 100<<10))
	}
	require.ErrorIs(t, err, gateway.ErrFull)
	rooms := 0
	for err = nil; err == nil; rooms++ {
		err = s.Rooms().Put(t.Context(), store.RoomRecord{Room: fmt.Sprintf("room%d@rooms.example.com", rooms), Bot: "echo@bot.example.com", Kept: make([]byte, 3000)})
	}
	require.ErrorIs(t, err, gateway.ErrFull)
	if rooms < 300 {
		t.Errorf("%d rooms fit", rooms)
	}
	require.NoError(t, s.Endpoints().Put(t.Context(), "echo", store.EndpointState{Disabled: true, Reason: "gone"}))
	board, err := store.OpenBoard(t.Context(), n, 64<<20, zap.NewNop(), func([]byte) {})
	require.NoError(t, err)
	defer board.Close()
	_, err = board.Replace(t.Context(), []byte(`{"name":"one"}`), 0)
	require.NoError(t, err)
}

// More than half of the servers are gone: what comes waits in memory until that is full,
// then is refused, and goes on by itself when they are back. Nothing that was said to be
// stored is lost, and the order of each conversation stays.
func TestNATSWithoutQuorum(t *testing.T) {
	t.Parallel()
	c := natsserver.Start(t, natsserver.Options{Nodes: 3})
	hung := make(chan struct{}, 1)
	o := store.Options{NATS: &store.NATS{URL: c.URL(), Name: "lab", Replicas: 3}, MaxBytes: 1 << 30, Log: zap.NewNop(), OnHung: func() { hung <- struct{}{} }}
	s, err := store.Open(t.Context(), o)
	require.NoError(t, err)
	q := queue(t, s, "echo")
	var mu sync.Mutex
	var stored []string
	var under sync.WaitGroup
	refused := 0
	put := func(i int) bool {
		r := record(i, i%5)
		under.Add(1)
		err := q.Append(r, func(_ uint64, err error) {
			defer under.Done()
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("%s: %v", r.ID, err)
			} else {
				stored = append(stored, r.ID)
			}
		})
		if err != nil {
			under.Done()
			refused++
		}
		return err == nil
	}
	i := 0
	for ; i < 500; i++ {
		put(i)
	}
	under.Wait()
	if _, err := s.Usage(t.Context()); err != nil {
		t.Error(err)
	}
	c.Nodes[0].Kill()
	c.Nodes[1].Kill()
	for ; refused == 0; i++ { // 8192 wait, and those under way
		put(i)
		if i > 20_000 {
			t.Fatal("nothing is refused")
		}
	}
	if err := s.Ready(t.Context()); err == nil {
		t.Error("ready, and can take nothing")
	}
	if u, err := s.Usage(t.Context()); err != nil || u.Bytes == 0 {
		t.Errorf("%+v %v", u, err)
	}
	if r := s.Remote(); r.Unwritten < 8192 || r.UnwrittenFor == 0 {
		t.Errorf("%+v", r)
	}
	c.Nodes[0].Start()
	c.Nodes[1].Start()
	under.Wait()
	for deadline := time.Now().Add(time.Minute); s.Ready(t.Context()) != nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(s.Ready(t.Context()))
		}
	}
	if !put(i) {
		t.Error("refused, and the servers are back")
	}
	under.Wait()
	s.Close()
	s, err = store.Open(t.Context(), o)
	require.NoError(t, err)
	defer s.Close()
	q = queue(t, s, "echo")
	found := make(map[string]bool)
	for conversation := range 5 {
		last := -1
		for _, r := range read(t, q, conversation) {
			var n int
			if _, err := fmt.Sscanf(r.ID, "evt_%d", &n); err != nil || n <= last {
				t.Fatalf("%s after %d, %v", r.ID, last, err)
			}
			last, found[r.ID] = n, true
		}
	}
	for _, id := range stored {
		if !found[id] {
			t.Errorf("%s is lost", id)
		}
	}
	if len(hung) > 0 || len(stored) < 8192 {
		t.Errorf("%d stored; given up: %v", len(stored), len(hung) > 0)
	}
}

// The account of the samples lets its user do all that the store does, and the probe of
// check; without one of its permissions, the reason says so.
func TestNATSPermissions(t *testing.T) {
	t.Parallel()
	account, err := os.ReadFile("../../deploy/samples/nats/account.conf")
	require.NoError(t, err)
	c := natsserver.Start(t, natsserver.Options{Config: string(account)})
	n := store.NATS{URL: c.URL(), Name: "stanzahook", Replicas: 1, User: "stanzahook", Password: "change-me"}
	probe := func(want string, n store.NATS) {
		t.Helper()
		text := ""
		for _, f := range store.ProbeNATS(t.Context(), n, 64<<20, 1<<18) {
			text += fmt.Sprintf("%s: %s %v %s\n", f.About, f.Found, f.Err, f.Advice)
		}
		if !strings.Contains(text, want) || want != "no instance is using them" && strings.Contains(text, "no instance") {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	probe("no instance is using them", n)
	core, log := observer.New(zap.WarnLevel)
	o := store.Options{NATS: &n, MaxBytes: 64 << 20, Log: zap.New(core)}
	for range 2 {
		s, err := store.Open(t.Context(), o)
		require.NoError(t, err)
		q := queue(t, s, "echo")
		places := fill(t, q, 0, 20)
		require.NoError(t, q.Drop(t.Context(), record(3, 3).Conversation, places[3]))
		for i, place := range places {
			if i != 3 {
				q.Ack(record(i, i%7).Conversation, place)
			}
		}
		done := make(chan struct{}, 1)
		stop, err := s.Outbox().Consume(t.Context(), "bot.example.com", func(d *store.OutgoingDelivery) {
			if err := d.Ack(); err != nil {
				t.Error(err)
			}
			done <- struct{}{}
		})
		require.NoError(t, err)
		require.NoError(t, s.Outbox().Put(t.Context(), store.Outgoing{ID: fmt.Sprint(time.Now()), Component: "bot.example.com", Queued: time.Now(), Stanza: "<message/>"}))
		<-done
		probe("an instance is using them", n)
		stop()
		require.NoError(t, s.Endpoints().Put(t.Context(), "echo", store.EndpointState{Disabled: true}))
		require.NoError(t, s.Endpoints().Remove(t.Context(), "echo"))
		require.NoError(t, s.DeadLetters().Put(t.Context(), &store.DeadLetter{Record: *record(1, 1), Endpoint: "echo", Died: time.Now()}))
		if counts, err := s.DeadLetters().Counts(t.Context(), []string{"echo"}); err != nil || counts["echo"] != 1 {
			t.Error(counts, err)
		}
		s.Close()
	}
	for _, e := range log.All() {
		t.Error(e.Message, e.ContextMap())
	}
	wrong := n
	wrong.Password = "x"
	probe("compare store.nats", wrong)
	other := n
	other.Name = "another"
	probe("permissions", other)
}
