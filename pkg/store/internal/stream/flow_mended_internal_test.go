package stream

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
)

// An answer that is lost holds up what is behind it for a second, also while others are
// answered all the time.
func TestFlowRepeatsWhileOthersAreAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeader(t, 1)
		l.healthy = true
		lost := false
		l.lose = func(p packet) bool {
			now := p.answer && p.n == 0 && !lost
			lost = lost || now
			return now
		}
		began, first := time.Now(), time.Duration(0)
		for i := range 100 {
			l.f.append(&Append{Subject: "event.echo.c", Data: []byte(strconv.Itoa(i)), Result: func(a *Append, seq uint64, err error) {
				if err != nil || string(a.Data) != strconv.Itoa(int(seq)-1) {
					t.Errorf("%s: %d %v", a.Data, seq, err)
				}
				if i == 0 {
					first = time.Since(began)
				}
			}})
			time.Sleep(100 * time.Millisecond) // the fake clock
		}
		l.f.wait()
		if first < answerWithin || first > 3*answerWithin {
			t.Errorf("the first result came after %v", first)
		}
	})
}

// A stream without an order is full at once for whoever appends; one with an order keeps
// what is under way, and the reason is known until there is room.
func TestFlowIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeader(t, 1)
		l.healthy, l.full = true, true
		warned := 0
		l.f.warn = func(error) { warned++ }
		results := make(chan error, 2)
		add := func(f *flow, subject string) {
			f.append(&Append{Subject: subject, Result: func(_ *Append, _ uint64, err error) { results <- err }})
		}
		add(l.loose, "sent.x")
		if err := <-results; !errors.Is(err, gateway.ErrFull) || errors.Is(err, gateway.ErrSilent) {
			t.Error(err)
		}
		// The answer to the first try is lost, so nobody knows about it.
		once := true
		l.lose = func(p packet) bool {
			now := p.answer && once
			once = once && !now
			return now
		}
		add(l.loose, "sent.y")
		if err := <-results; !errors.Is(err, gateway.ErrSilent) {
			t.Error(err)
		}
		add(l.f, "event.echo.c")
		time.Sleep(time.Minute)
		if err := l.f.refused(); len(results) != 0 || !isFull(err) || warned == 0 {
			t.Errorf("%d results, %v, %d warnings", len(results), err, warned)
		}
		l.mu.Lock()
		l.full = false
		l.mu.Unlock()
		if err := <-results; err != nil {
			t.Error(err)
		}
		l.f.wait()
		if err := l.f.refused(); err != nil {
			t.Error(err)
		}
	})
}

// While nobody answers, who waits for a record learns it after 5 s, also of those for which
// there is no room; when the servers are back, it goes on.
func TestAppendWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeader(t, 1)
		l.healthy, l.away = true, true
		r := newRemote(Remote{})
		r.flows.Store(&map[string]*flow{"sent": l.loose})
		s := &Server{}
		s.engine.Store(&engine{s: s, remote: r})
		var all sync.WaitGroup
		for i := range 3 * inFlight {
			all.Go(func() {
				if err := s.AppendWait(t.Context(), Append{Subject: "sent.x" + strconv.Itoa(i)}); !errors.Is(err, gateway.ErrSilent) {
					t.Error(err)
				}
			})
		}
		began := time.Now()
		all.Wait()
		if took := time.Since(began); took != keyValueTimeout {
			t.Errorf("it took %v", took)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.AppendWait(gone, Append{Subject: "sent.y"}); !errors.Is(err, gateway.ErrSilent) {
			t.Error(err)
		}
		l.mu.Lock()
		l.away = false
		l.mu.Unlock()
		l.loose.wait()
		if err := s.AppendWait(t.Context(), Append{Subject: "sent.z"}); err != nil || len(r.adding) != 0 {
			t.Errorf("%v; %d are still waited for", err, len(r.adding))
		}
	})
}

// OnLost is called once, whichever flows notice it.
func TestLostOnce(t *testing.T) {
	called := 0
	e := &engine{s: &Server{o: Options{Log: zap.NewNop()}}, remote: newRemote(Remote{OnLost: func(string) { called++ }})}
	for range 3 {
		e.lost("another process writes")
	}
	if called != 1 {
		t.Errorf("called %d times", called)
	}
}

// A server that has stopped reading is left after 2 s, though the write to it blocks.
func TestFrozenServerIsLeft(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	go serveFrozen(listener)
	e := &engine{s: &Server{o: Options{Log: zap.NewNop(), MaxRecordBytes: 1 << 10}}, remote: newRemote(Remote{Name: "lab"})}
	options, err := e.options()
	require.NoError(t, err)
	nc := connectFrozen(t, listener.Addr().String(), options)
	defer nc.Close()
	began := time.Now()
	for data := make([]byte, 1<<20); nc.IsConnected(); {
		_ = nc.Publish("event.echo.c", data) // it blocks, and fails then
	}
	if took := time.Since(began); took > 30*time.Second { // of a minute
		t.Errorf("it took %v", took)
	}
}
