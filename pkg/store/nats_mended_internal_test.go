package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/internal/stream"
)

// onNATS opens a store on a NATS server in this process, and makes events of a queue. The
// test itself sweeps.
func onNATS(t *testing.T, events int) (*server.Server, *Store, *Queue, []uint64) {
	t.Helper()
	srv := startNATS(t)
	s, q, places := overNATS(t, srv.ClientURL(), events)
	return srv, s, q, places
}

func startNATS(t *testing.T) *server.Server {
	t.Helper()
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, JetStream: true, StoreDir: t.TempDir(), MaxPayload: 8 << 20})
	require.NoError(t, err)
	go srv.Start()
	if !srv.ReadyForConnections(time.Minute) {
		t.Fatal("the server does not start")
	}
	t.Cleanup(func() {
		srv.Shutdown()
		srv.WaitForShutdown()
	})
	return srv
}

func overNATS(t *testing.T, url string, events int) (*Store, *Queue, []uint64) {
	t.Helper()
	s, err := Open(t.Context(), Options{NATS: &NATS{URL: url, Name: "lab", Replicas: 1}, MaxBytes: 1 << 28})
	require.NoError(t, err)
	q, err := s.Queues().Open(t.Context(), "echo")
	require.NoError(t, err)
	places, results := make([]uint64, events), make(chan error, events)
	for i := range events {
		r := &Record{ID: fmt.Sprintf("evt_%d", i), Component: "bot.example.com", Conversation: Conversation("a", "b"), Sender: "a", Stanza: "<message/>"}
		err := q.Append(r, func(seq uint64, err error) {
			places[i] = seq
			results <- err
		})
		require.NoError(t, err)
	}
	for range events {
		require.NoError(t, <-results)
	}
	return s, q, places
}

// While nothing fits into WAITING, a move ends with its context, and is not begun again
// before what is under way has a result. When there is room it goes on, and each event is
// there once.
func TestMoveEndsWhileWaitingIsFull(t *testing.T) {
	srv, s, q, _ := onNATS(t, 10)
	defer s.Close()
	nc, err := nats.Connect(srv.ClientURL())
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	st, err := js.Stream(t.Context(), "lab_WAITING")
	require.NoError(t, err)
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
	require.NoError(t, err)
	list, err := q.Read(t.Context(), Conversation("a", "b"), 0, 100)
	require.NoError(t, err)
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
	t.Parallel()
	srv, s, q, places := onNATS(t, 10)
	require.NoError(t, q.moveAll(t.Context()))
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

// Each removal takes as long as NATS needs to answer. What is finished at a stop does not come
// again all the same, also if much of it lies behind an event that is not.
func TestStopOverALongWay(t *testing.T) {
	srv := startNATS(t)
	far := slowly(t, srv.Addr().String(), 5*time.Millisecond)
	s, q, places := overNATS(t, "nats://"+far, 1500) // 15 s of removals, one after the other
	s.queues.recent.mu.Lock()
	s.queues.recent.heldFor = time.Hour // nothing moves
	s.queues.recent.mu.Unlock()
	for _, place := range places[1:] {
		q.Ack(Conversation("a", "b"), place)
	}
	s.Close()
	s, q, _ = overNATS(t, srv.ClientURL(), 0)
	defer s.Close()
	if n := q.Backlog()[Conversation("a", "b")]; n != 1 {
		t.Errorf("%d events are there after the stop, of which 1 is not finished", n)
	}
}

// slowly passes connections on to an address, each byte after a pause, and returns its own.
func slowly(t *testing.T, addr string, pause time.Duration) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	type part struct {
		due  time.Time
		data []byte
	}
	pass := func(from, to net.Conn) {
		parts := make(chan part, 1000)
		go func() {
			defer close(parts)
			for {
				data := make([]byte, 16<<10)
				n, err := from.Read(data)
				if parts <- (part{time.Now().Add(pause), data[:n]}); err != nil {
					return
				}
			}
		}()
		for p := range parts {
			time.Sleep(time.Until(p.due)) // that is the way
			_, _ = to.Write(p.data)       // the other side has closed it
		}
		_ = to.Close()
	}
	go func() {
		for {
			here, err := l.Accept()
			if err != nil {
				return
			}
			there, err := net.Dial("tcp", addr)
			if err != nil {
				_ = here.Close()
				continue
			}
			go pass(here, there)
			go pass(there, here)
		}
	}()
	return l.Addr().String()
}
