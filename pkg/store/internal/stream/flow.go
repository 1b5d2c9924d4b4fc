package stream

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"
)

const (
	answerWithin = time.Second            // after which appends are published again
	flowTick     = 50 * time.Millisecond  // how often that is looked at
	firstPause   = 100 * time.Millisecond // after an error; it doubles up to answerWithin
	// doubtFor is how long the leader may say that a stream ends before what it has
	// acknowledged: until then it may be a new one that does not know everything yet.
	doubtFor  = 15 * time.Second
	maxChecks = 32 // places that are looked at together
)

// flow is the window of one stream of an external server. Each append to a sequenced
// stream says which record it expects to be the last (Nats-Expected-Last-Sequence), so it can be published
// as often as needed: it is stored once, at its place, or not. Without an answer for a
// second, or after an error, all that is unanswered is published again, in order. Nothing
// is refused because of an error of the servers; appends wait until they are stored. Each
// stream has its own: while one is full, what makes room in it goes through another.
//
// Killed: what has no result may be stored or not, as with an embedded server. The next
// process publishes a fence record first (Stream.fence), after which nothing of this one
// can be stored any more.
type flow struct {
	// What a test has an own one of.
	post func(a *Append, header nats.Header, reply string) error
	read func(ctx context.Context, stream string, ask ask) (Record, error)
	lost func(reason string)
	warn func(err error) // may be nil

	log         *zap.Logger
	prefix      string // of the reply subjects
	token, name string // first token of the stream's subjects, and its name
	republished atomic.Int64
	checks      chan struct{}

	appending  sync.Mutex // held from waiting for room to passing on: both have one order
	sending    sync.Mutex // held while something is published
	mu         sync.Mutex
	list       [inFlight]parcel
	head, tail uint64    // list[head%n:tail%n] are under way
	next       uint64    // place of the next append; 0: the stream is not sequenced
	bytes      int       // under way
	open       int       // appends that are not answered
	since      time.Time // when the first of them became that, or all were published again
	trouble    error     // what was answered last instead of a place; nil: the first one was answered since
	stalled    bool      // nothing is published until again
	again      time.Time
	pause      time.Duration
	doubt      time.Time // since when the first open append does not fit
	moved      sync.Cond
	delivering bool
	armed      bool
	closed     bool // everything is refused
	dead       bool // a record was lost: nothing gets a result any more
}

// parcel is an append that is under way.
type parcel struct {
	Append
	place    uint64 // that it has to get; 0: any
	id       string // instead of a place
	at       time.Time
	tries    int
	checking bool
	answered bool
	seq      uint64
	err      error
}

func newFlow(e *engine, token, name string) *flow {
	f := &flow{
		token: token, name: name,
		post: func(a *Append, header nats.Header, reply string) error {
			return e.nc.PublishMsg(&nats.Msg{Subject: e.outer(a.Subject), Reply: reply, Header: header, Data: a.Data})
		},
		read: e.fromLeader, log: e.s.o.Log, prefix: e.nc.NewInbox() + ".",
	}
	f.lost = e.lost
	f.warn = func(err error) {
		e.s.repeats.Log(f.log, zap.WarnLevel, "not stored in "+name, "records not stored by NATS; retrying", zap.String("stream", e.name(name)), zap.Error(explain(err)))
	}
	f.init()
	return f
}

func (f *flow) init() {
	f.checks = make(chan struct{}, maxChecks)
	f.moved.L = &f.mu
}

func (f *flow) subscribe(nc *nats.Conn) error {
	_, err := nc.Subscribe(f.prefix+"*", func(m *nats.Msg) {
		if n, err := strconv.ParseUint(m.Subject[len(f.prefix):], 36, 64); err == nil {
			seq, err := readAck(m)
			f.answer(n, seq, err)
		}
	})
	return err
}

// begin sets the place of the next append; 0 if they are not sequenced.
func (f *flow) begin(next uint64) {
	f.mu.Lock()
	f.next = next
	f.mu.Unlock()
}

// append hands a record to its stream. It waits for room in the window.
func (f *flow) append(a *Append) {
	f.appending.Lock()
	defer f.appending.Unlock()
	f.mu.Lock()
	for f.tail-f.head == inFlight {
		f.moved.Wait()
	}
	f.mu.Unlock()
	f.sending.Lock()
	defer f.sending.Unlock()
	f.mu.Lock()
	n, now := f.tail, time.Now()
	p := parcel{Append: *a, at: now}
	if f.next == 0 {
		p.id = ulid.Make().String()
	} else {
		p.place = f.next
		f.next++
	}
	if f.open++; f.open == 1 {
		f.since = now
	}
	f.list[n%inFlight] = p
	f.tail++
	f.bytes += len(p.Data)
	if f.closed {
		go f.refuse()
		f.mu.Unlock()
		return
	}
	f.arm()
	stalled := f.stalled
	f.mu.Unlock()
	if stalled {
		return
	}
	if err := f.publish(&p, n); err != nil {
		f.mu.Lock()
		f.stall(err)
		f.mu.Unlock()
	}
}

// publish sends an append; f.sending is held.
func (f *flow) publish(p *parcel, n uint64) error {
	header := make(nats.Header, 2)
	if p.place > 0 {
		header[jetstream.ExpectedLastSeqHeader] = []string{strconv.FormatUint(p.place-1, 10)}
	} else {
		header[jetstream.MsgIDHeader] = []string{p.id}
	}
	if p.First {
		header[jetstream.ExpectedLastSubjSeqHeader] = []string{"0"}
	}
	return f.post(&p.Append, header, f.prefix+strconv.FormatUint(n, 36))
}

// answer notes what a stream has answered to the n-th append.
func (f *flow) answer(n, seq uint64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.at(n)
	if p == nil {
		return // of one that has its result
	}
	switch {
	case err == nil && (p.place == 0 || p.place == seq):
		f.settle(p, seq, nil)
	case err == nil:
		f.end(fmt.Sprintf("stream %s has put a record at place %d and not %d", f.name, seq, p.place))
	case p.place == 0 && p.tries > 0 && isFull(err): // an earlier try may be stored
		f.settle(p, 0, errSilent)
	case p.place == 0 && isConclusive(err) && (p.tries == 0 || !isWrongLast(err)):
		f.settle(p, 0, err)
	case p.place == 0 && isWrongLast(err), p.place > 0 && isWrongLast(err) && lastOf(err) >= p.place:
		f.check(n, p)
	case p.place > 0 && isWrongLast(err):
		// One before it is missing: it is published again together with that.
		if f.isFirst(n) && f.doubts() {
			f.end(fmt.Sprintf("stream %s ends at place %d, and %d was acknowledged", f.name, lastOf(err), p.place-1))
			return
		}
		f.stall(nil)
	default:
		f.doubt = time.Time{}
		f.stall(err)
	}
}

// at returns the n-th append if it is under way and not answered; f.mu is held.
func (f *flow) at(n uint64) *parcel {
	if n < f.head || n >= f.tail || f.dead {
		return nil
	}
	p := &f.list[n%inFlight]
	if p.answered || p.Result == nil {
		return nil
	}
	return p
}

// settle notes a result; f.mu is held.
func (f *flow) settle(p *parcel, seq uint64, err error) {
	p.answered, p.seq, p.err = true, seq, err
	f.open--
	f.pause, f.doubt = 0, time.Time{}
	f.deliver()
}

// deliver hands out the known results in order. f.mu is held, but not while a result is
// handed out.
func (f *flow) deliver() {
	if f.delivering {
		return
	}
	f.delivering = true
	for f.head < f.tail && !f.dead {
		p := &f.list[f.head%inFlight]
		if !p.answered {
			break
		}
		a, seq, err := &p.Append, p.seq, failure(p.err)
		f.mu.Unlock()
		a.Result(a, seq, err) // no other goroutine writes to these fields
		f.mu.Lock()
		f.bytes -= len(p.Data)
		*p = parcel{}
		f.head++
		f.since, f.trouble = time.Now(), nil
		f.moved.Broadcast()
	}
	f.delivering = false
}

// end ends the flow: only a new process knows what is stored. f.mu is held.
func (f *flow) end(reason string) {
	if !f.dead {
		f.dead = true
		f.moved.Broadcast()
		go f.lost(reason)
	}
}

// wait returns when nothing is under way, or when the flow is closed or dead.
func (f *flow) wait() {
	f.mu.Lock()
	for f.head < f.tail && !f.dead {
		f.moved.Wait()
	}
	f.mu.Unlock()
}

// close refuses everything that is under way, and all that follows.
func (f *flow) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.refuse()
}

// refuse gives all that has no answer an error.
func (f *flow) refuse() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = false
	for n := f.head; n < f.tail; n++ {
		if p := &f.list[n%inFlight]; !p.answered {
			p.answered, p.err = true, errSilent
			f.open--
		}
	}
	f.deliver()
}

// load returns how many appends are under way, and for how long the oldest is.
func (f *flow) load() (n int, oldest time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.head == f.tail {
		return 0, 0
	}
	return int(f.tail - f.head), time.Since(f.list[f.head%inFlight].at)
}

// refused returns why the first append is not stored, as far as NATS says; or nil.
func (f *flow) refused() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.trouble
}
