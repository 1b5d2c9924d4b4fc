package stream

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
)

var outbox = Config{Name: "OUT", About: "outbox", Subjects: "out.>", RefuseNew: true, ConsumeOnce: true, MaxBytes: 1 << 26}

// openOutbox opens an outbox, and hands out what is in it.
func openOutbox(t *testing.T, s *Server) (*Stream, chan *Delivery) {
	t.Helper()
	st := s.Stream(outbox)
	require.NoError(t, st.Open(t.Context()))
	got := make(chan *Delivery, 1000)
	stop, err := st.Consume(t.Context(), "bot", "out.bot", 1000, func(d *Delivery) { got <- d })
	require.NoError(t, err)
	t.Cleanup(stop)
	return st, got
}

func fillOutbox(t *testing.T, st *Stream, n int) {
	t.Helper()
	for i := range n {
		if _, err := st.Put(t.Context(), &Message{Subject: "out.bot", ID: fmt.Sprint(time.Now().UnixNano(), i), Data: []byte("<message/>")}); err != nil {
			t.Fatal(err)
		}
	}
}

// empties waits until the outbox is empty.
func empties(t *testing.T, st *Stream) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		state, err := st.State(t.Context())
		if err == nil && state.Records == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v %v", state, err)
		}
	}
}

// While NATS is away acknowledgements wait without holding up their sender, and none is
// given up.
func TestAcknowledgementsWait(t *testing.T) {
	srv := serveNATS(t, true)
	s, _ := reach(t, srv.ClientURL(), nil)
	st, got := openOutbox(t, s)
	const n = 3 * confirmations
	fillOutbox(t, st, n)
	var all []*Delivery
	for range n {
		all = append(all, <-got)
	}
	o := server.Options{Host: "127.0.0.1", Port: srv.Addr().(*net.TCPAddr).Port, NoSigs: true, JetStream: true, StoreDir: srv.StoreDir(), MaxPayload: 8 << 20}
	srv.Shutdown()
	srv.WaitForShutdown()
	acked := make(chan struct{})
	go func() {
		defer close(acked)
		for _, d := range all {
			if err := d.Ack(); err != nil {
				t.Error(err)
			}
		}
	}()
	select {
	case <-acked:
	case <-time.After(15 * time.Second):
		t.Fatal("acknowledgements hold up their sender")
	}
	serveNATSWith(t, &o)
	empties(t, st)
}

// What an earlier consumer handed out is removed, though that is gone.
func TestAcknowledgementOfEarlierConsumer(t *testing.T) {
	s, js := reach(t, serveNATS(t, true).ClientURL(), nil)
	st, got := openOutbox(t, s)
	fillOutbox(t, st, 1)
	first := <-got
	require.NoError(t, js.DeleteConsumer(t.Context(), "lab_OUT", first.fromName))
	again := <-got // from the next consumer
	if again.fromName == first.fromName || again.Seq != first.Seq {
		t.Errorf("%s %d, %s %d", first.fromName, first.Seq, again.fromName, again.Seq)
	}
	require.NoError(t, first.Ack())
	empties(t, st)
	fillOutbox(t, st, 1)
	require.NoError(t, (<-got).Ack())
	empties(t, st)
}

// Of two processes of one name the first one ends, and the second one reads on: they do not
// take the outbox from one another for ever.
func TestOutboxIsTaken(t *testing.T) {
	url := serveNATS(t, true).ClientURL()
	lost := make(chan string, 10)
	first, _ := reach(t, url, func(reason string) { lost <- reason })
	openOutbox(t, first)
	second, _ := reach(t, url, func(reason string) { t.Error(reason) })
	st, got := openOutbox(t, second)
	select {
	case reason := <-lost:
		if !strings.Contains(reason, "another process reads the outbox") {
			t.Error(reason)
		}
	case <-time.After(time.Minute):
		t.Fatal("the first one does not end")
	}
	fillOutbox(t, st, 10)
	for range 10 {
		if err := (<-got).Ack(); err != nil {
			t.Error(err)
		}
	}
	empties(t, st)
	if len(lost) != 0 {
		t.Error(<-lost)
	}
}

// A consumer that is closed while NATS is away ends at once, and is not opened again.
func TestConsumerEndsWhileNATSIsAway(t *testing.T) {
	srv := serveNATS(t, true)
	s, _ := reach(t, srv.ClientURL(), nil)
	st := s.Stream(outbox)
	require.NoError(t, st.Open(t.Context()))
	stop, err := st.Consume(t.Context(), "bot", "out.bot", 10, func(*Delivery) {})
	require.NoError(t, err)
	s.mu.Lock()
	c := s.consumers[0]
	s.mu.Unlock()
	srv.Shutdown()
	srv.WaitForShutdown()
	e := s.engine.Load()
	ended := make(chan bool, 1)
	go func() { ended <- c.reopen(e) }()
	stop()
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Fatal("it is still opened")
	}
}
