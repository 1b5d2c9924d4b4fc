package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/internal/stream"
)

// onNATS opens a store on a NATS server in this process, and makes events of a queue. The
// test itself sweeps.
func onNATS(t *testing.T, events int) (*server.Server, *Store, *Queue, []uint64) {
	t.Helper()
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, JetStream: true, StoreDir: t.TempDir(), MaxPayload: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	go srv.Start()
	if !srv.ReadyForConnections(time.Minute) {
		t.Fatal("the server does not start")
	}
	t.Cleanup(func() {
		srv.Shutdown()
		srv.WaitForShutdown()
	})
	s, err := Open(t.Context(), Options{NATS: &NATS{URL: srv.ClientURL(), Name: "lab", Replicas: 1}, MaxBytes: 1 << 28})
	if err != nil {
		t.Fatal(err)
	}
	q, err := s.Queues().Open(t.Context(), "echo")
	if err != nil {
		t.Fatal(err)
	}
	places, results := make([]uint64, events), make(chan error, events)
	for i := range events {
		r := &Record{ID: fmt.Sprintf("evt_%d", i), Component: "bot.example.com", Conversation: Conversation("a", "b"), Sender: "a", Stanza: "<message/>"}
		err := q.Append(r, func(seq uint64, err error) {
			places[i] = seq
			results <- err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for range events {
		if err := <-results; err != nil {
			t.Fatal(err)
		}
	}
	return srv, s, q, places
}

// While nothing fits into WAITING, a move ends with its context, and is not begun again
// before what is under way has a result. When there is room it goes on, and each event is
// there once.
func TestMoveEndsWhileWaitingIsFull(t *testing.T) {
	srv, s, q, _ := onNATS(t, 10)
	defer s.Close()
	nc, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	st, err := js.Stream(t.Context(), "lab_WAITING")
	if err != nil {
		t.Fatal(err)
	}
	config := st.CachedInfo().Config
	bound := func(n int64) {
		config.MaxMsgs = n
		if _, err := js.UpdateStream(t.Context(), config); err != nil {
			t.Fatal(err)
		}
	}
	bound(3)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if err := q.moveAll(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if err := q.moveAll(t.Context()); !errors.Is(err, errUnderWay) {
		t.Error(err)
	}
	if err := s.Queues().Remove(t.Context(), "echo"); !errors.Is(err, gateway.ErrSilent) {
		t.Error(err)
	}
	if s.disk.coming() == 0 || s.disk.held() <= s.disk.events.Load() {
		t.Errorf("%d bytes are under way; %d in all", s.disk.coming(), s.disk.held())
	}
	if h := s.srv.Health(); h.Trouble == nil {
		t.Error("the reason is not known")
	}
	s.queues.pub.mu.Lock()
	s.queues.pub.queue = make([]stream.Append, maxWaiting) // as much as may wait
	s.queues.pub.mu.Unlock()
	if err := s.readyRemote(); err == nil || !strings.Contains(err.Error(), "raise store.max_bytes") {
		t.Error(err)
	}
	s.queues.pub.mu.Lock()
	s.queues.pub.queue = nil
	s.queues.pub.mu.Unlock()
	bound(-1)
	for err = errUnderWay; errors.Is(err, errUnderWay); time.Sleep(10 * time.Millisecond) {
		err = q.moveAll(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	list, err := q.Read(t.Context(), Conversation("a", "b"), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range list {
		if r.ID != fmt.Sprintf("evt_%d", i) {
			t.Errorf("%s is at %d", r.ID, i)
		}
	}
	there, err := q.qs.waiting.st.State(t.Context())
	if err != nil || len(list) != 10 || there.Records != 10 {
		t.Errorf("%d read, %d in WAITING, %v", len(list), there.Records, err)
	}
}

// What waits in the publisher counts as what the queues hold.
func TestUnpassedCounts(t *testing.T) {
	d := &disk{maxEvents: 1000, log: zap.NewNop(), srv: &stream.Server{}, coming: func() int64 { return 2000 }}
	d.check()
	if err := d.full.Load(); err == nil || !errors.Is(*err, gateway.ErrFull) {
		t.Error("more is accepted than fits")
	}
}

// A round of removals ends with the process, and the last one after closeWait, while NATS
// is away.
func TestSweepEndsWhileNATSIsAway(t *testing.T) {
	srv, s, q, places := onNATS(t, 10)
	if err := q.moveAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	srv.Shutdown()
	srv.WaitForShutdown()
	q.Ack(Conversation("a", "b"), places[9])
	q.qs.touch(q)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	q.qs.remove(ctx, false)
	q.qs.touch(q)
	q.qs.remove(ctx, true)
	if took := time.Since(began); took > 3*closeWait { // of two minutes
		t.Errorf("it took %v", took)
	}
	s.srv.Refuse()
	s.Close()
	if took := time.Since(began); took > openTimeout { // of systemd's limit
		t.Errorf("the end took %v", took)
	}
}
