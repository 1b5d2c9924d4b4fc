package stream

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
)

// leader is a fake of the servers: streams that store what is expected there, and a network
// that loses, delays and swaps what is sent.
type leader struct {
	f     *flow // of events
	loose *flow // of a stream that is not sequenced

	mu      sync.Mutex
	rnd     *rand.Rand
	streams map[string][]Record // by token
	ids     map[string]uint64
	net     []packet
	healthy bool // no faults
	away    bool // no leader answers
	full    bool // nothing more fits
	lose    func(p packet) bool
	stored  int
}

func (l *leader) chance(p float64) bool { return !l.healthy && l.rnd.Float64() < p }

// packet is an append on its way to the leader, or an answer on its way back.
type packet struct {
	f      *flow
	a      *Append
	header nats.Header
	n      uint64
	answer bool
	seq    uint64
	err    error
}

func (l *leader) post(a *Append, header nats.Header, reply string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.chance(0.001) {
		return nats.ErrReconnectBufExceeded
	}
	copied := *a
	copied.Data = slices.Clone(a.Data)
	f := l.f
	if strings.HasPrefix(reply, l.loose.prefix) {
		f = l.loose
	}
	n, _ := strconv.ParseUint(strings.TrimPrefix(reply, f.prefix), 36, 64)
	l.send(packet{f: f, a: &copied, header: header, n: n})
	return nil
}

// send loses a packet, or swaps it with the one before, or lets it come much later, or
// twice; l.mu is held.
func (l *leader) send(p packet) {
	switch {
	case l.lose != nil && l.lose(p), l.chance(0.003): // lost
	case l.chance(0.002):
		time.AfterFunc(time.Duration(l.rnd.IntN(4000))*time.Millisecond, func() {
			l.mu.Lock()
			l.net = append(l.net, p)
			l.mu.Unlock()
		})
	default:
		l.net = append(l.net, p)
		if n := len(l.net); n > 1 && l.chance(0.001) {
			l.net[n-1], l.net[n-2] = l.net[n-2], l.net[n-1]
		}
		if l.chance(0.001) {
			l.net = append(l.net, p)
		}
	}
}

// run is the network and the leader, until the test ends.
func (l *leader) run(done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-time.After(time.Millisecond):
		}
		l.mu.Lock()
		net := l.net
		l.net = nil
		var answers []packet
		for _, p := range net {
			if p.answer {
				answers = append(answers, p)
				continue
			}
			p.seq, p.err = l.store(p.a, p.header)
			p.answer = true
			l.send(p)
		}
		l.mu.Unlock()
		for _, p := range answers {
			p.f.answer(p.n, p.seq, p.err)
		}
	}
}

func (l *leader) store(a *Append, header nats.Header) (uint64, error) {
	switch {
	case l.away:
		return 0, &jetstream.APIError{Code: 503, ErrorCode: 10008, Description: "JetStream system temporarily unavailable"}
	case l.full, header.Get(jetstream.MsgIDHeader) == "" && l.chance(0.002):
		return 0, &jetstream.APIError{Code: 503, ErrorCode: 10077, Description: "maximum bytes exceeded"}
	}
	token, _, _ := strings.Cut(a.Subject, ".")
	list := l.streams[token]
	id := header.Get(jetstream.MsgIDHeader)
	if seq := l.ids[id]; id != "" && seq > 0 {
		return seq, nil
	}
	if last, ok := header[jetstream.ExpectedLastSeqHeader]; ok && last[0] != strconv.Itoa(len(list)) {
		return 0, &jetstream.APIError{Code: 400, ErrorCode: 10071, Description: fmt.Sprintf("wrong last sequence: %d", len(list))}
	}
	seq := uint64(len(list) + 1)
	l.streams[token] = append(list, Record{Subject: a.Subject, Seq: seq, Data: a.Data})
	l.stored++
	if id != "" {
		l.ids[id] = seq
	}
	return seq, nil
}

func (l *leader) read(_ context.Context, _ string, a ask) (Record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away || l.chance(0.1) {
		return Record{}, context.DeadlineExceeded
	}
	for _, list := range l.streams {
		if a.Seq > 0 && a.Seq <= uint64(len(list)) && strings.HasPrefix(list[0].Subject, "event.") {
			return list[a.Seq-1], nil
		}
	}
	return Record{}, gateway.ErrNotFound
}

func newLeader(t *testing.T, seed uint64) *leader {
	l := &leader{rnd: rand.New(rand.NewPCG(seed, 1)), streams: make(map[string][]Record), ids: make(map[string]uint64)}
	l.f = &flow{post: l.post, read: l.read, log: zap.NewNop(), prefix: "e.", token: "event", name: "EVENTS"}
	l.loose = &flow{post: l.post, read: l.read, log: zap.NewNop(), prefix: "s.", token: "sent", name: "SENT"}
	l.f.init()
	l.loose.init()
	l.f.begin(1)
	done := make(chan struct{})
	go l.run(done)
	t.Cleanup(func() { close(done) })
	return l
}

// Whatever the servers and the network do to appends: each gets one result, in order, none
// is refused, and what the streams have is just what was appended, in its order, once.
func TestFlow(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { synctest.Test(t, func(t *testing.T) { flowRound(t, seed) }) })
	}
}

func flowRound(t *testing.T, seed uint64) {
	l := newLeader(t, seed)
	l.f.lost = func(reason string) { t.Errorf("lost: %s", reason) }
	const n = 3000
	var results [n]uint64
	var all sync.WaitGroup
	all.Add(n)
	go func() {
		nexts := map[*flow][]int{} // whose results are to come, in order
		var mu sync.Mutex
		for i := range n {
			a, f := &Append{Subject: "event.echo.c" + strconv.Itoa(i%7), Data: []byte(strconv.Itoa(i))}, l.f
			if i%10 == 0 {
				a.Subject, f = "sent.x"+strconv.Itoa(i), l.loose
			}
			mu.Lock()
			nexts[f] = append(nexts[f], i)
			mu.Unlock()
			a.Result = func(a *Append, seq uint64, err error) {
				if err != nil {
					t.Errorf("%s: %v", a.Data, err)
				}
				mu.Lock()
				next := nexts[f][0]
				nexts[f] = nexts[f][1:]
				mu.Unlock()
				if string(a.Data) != strconv.Itoa(next) {
					t.Errorf("result of %s, want that of %d", a.Data, next)
				}
				results[next] = seq
				all.Done()
			}
			f.append(a)
			if i%500 == 250 {
				l.mu.Lock()
				l.away = true // an election
				l.mu.Unlock()
				time.AfterFunc(time.Duration(1+i/500)*time.Second, func() {
					l.mu.Lock()
					l.away = false
					l.mu.Unlock()
					l.f.reconnected()
					l.loose.reconnected()
				})
			}
		}
	}()
	all.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.healthy = true
	if l.stored != n {
		t.Errorf("%d records are stored, want %d", l.stored, n)
	}
	last := -1
	for _, r := range l.streams["event"] {
		i, _ := strconv.Atoi(string(r.Data))
		if i <= last {
			t.Errorf("%d is stored after %d", i, last)
		}
		if last = i; results[i] != r.Seq {
			t.Errorf("%d is at place %d, and its result was %d", i, r.Seq, results[i])
		}
	}
	if l.f.republished.Load() == 0 {
		t.Error("nothing was published again: there were no faults")
	}
}

// When another process writes into the stream, nothing more of this one is stored, none is
// said to be, and the loss is reported once.
func TestFlowIsFenced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeader(t, 1)
		l.healthy = true
		reasons := make(chan string, 10)
		l.f.lost = func(reason string) { reasons <- reason }
		results := 0
		add := func(i int) {
			l.f.append(&Append{Subject: "event.echo.c", Data: []byte(strconv.Itoa(i)), Result: func(*Append, uint64, error) { results++ }})
		}
		for i := range 10 {
			add(i)
		}
		l.f.wait()
		l.mu.Lock()
		for seq := range uint64(fenceWidth) {
			l.streams["event"] = append(l.streams["event"], Record{Subject: "event._.fence", Seq: 11 + seq})
		}
		l.mu.Unlock()
		for i := range inFlight {
			add(10 + i)
		}
		reason := <-reasons
		synctest.Wait()
		if len(l.streams["event"]) != 10+fenceWidth || results != 10 || len(reasons) != 0 || !strings.Contains(reason, "another process") {
			t.Errorf("%d records, %d results, %q and %d more", len(l.streams["event"]), results, reason, len(reasons))
		}
		l.f.close() // refuses them
		if results != 10+inFlight {
			t.Errorf("%d results", results)
		}
	})
}

// A stream that ends before what it has acknowledged is reported, but not while it may
// only be a new leader that does not know everything yet.
func TestFlowNoticesLostRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeader(t, 1)
		l.healthy = true
		reasons := make(chan string, 10)
		l.f.lost = func(reason string) { reasons <- reason }
		add := func(i int) {
			l.f.append(&Append{Subject: "event.echo.c", Data: []byte(strconv.Itoa(i)), Result: func(*Append, uint64, error) {}})
		}
		for i := range 10 {
			add(i)
		}
		l.f.wait()
		all := l.streams["event"]
		behind := func(n int) {
			l.mu.Lock()
			l.streams["event"] = all[:n]
			l.mu.Unlock()
		}
		behind(7)
		add(10)
		time.Sleep(doubtFor / 2)
		behind(10)
		l.f.wait()
		if len(reasons) != 0 {
			t.Fatal(<-reasons)
		}
		all = l.streams["event"]
		behind(7)
		add(11)
		if reason := <-reasons; !strings.Contains(reason, "ends at place 7") {
			t.Error(reason)
		}
		l.f.close()
	})
}

// While nobody answers nothing is refused: appends wait, and are counted.
func TestFlowWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeader(t, 1)
		l.healthy, l.away = true, true
		results := 0
		for i := range inFlight {
			l.f.append(&Append{Subject: "event.echo.c", Data: []byte(strconv.Itoa(i)), Result: func(_ *Append, _ uint64, err error) {
				if results++; err != nil {
					t.Error(err)
				}
			}})
		}
		time.Sleep(time.Minute)
		if n, oldest := l.f.load(); results != 0 || n != inFlight || oldest < time.Minute {
			t.Errorf("%d results, %d under way for %v", results, n, oldest)
		}
		l.mu.Lock()
		l.away = false
		l.mu.Unlock()
		l.f.wait()
		synctest.Wait()
		if results != inFlight {
			t.Errorf("%d results", results)
		}
	})
}
