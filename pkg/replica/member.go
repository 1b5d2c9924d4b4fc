package replica

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
)

// Board is how the replicas of an installation reach each other. Its methods may be called
// together.
type Board interface {
	// Say sends something to all replicas, also to the one that says it. It may be lost.
	Say(data []byte) error
	// Record returns the record of the active replica and its revision, as it is now; 0:
	// there is none.
	Record(ctx context.Context) (data []byte, revision uint64, err error)
	// Prove writes something that more than half of the servers have to take. A server that is on
	// the smaller side of a split answers Record for a while as if it still were the leader; what is read after
	// a proof is as it is now.
	Prove(ctx context.Context) error
	// Replace replaces the record of a revision, and returns the new revision, which is
	// higher. Errors: gateway.ErrChanged; others: it may be replaced or not.
	Replace(ctx context.Context, data []byte, revision uint64) (uint64, error)
	// Reconnect makes another connection: nothing comes over this one.
	Reconnect()
}

// Options configure a [Member].
type Options struct {
	About    About
	Failover time.Duration // for how long the active one may be silent
	Log      *zap.Logger   // nil: none
	// OnLost is called once when the role is lost, or when another process has the name
	// (ErrTaken): only a fresh process may go on.
	OnLost func(why error)
}

// ErrTaken means that another process has the name of this replica.
var ErrTaken = errors.New("another process of this installation has the same replica.name and is running; give each replica a name of its own")

// Member is one replica. Its methods may be called from several goroutines.
type Member struct {
	o     Options
	board Board
	wake  chan struct{}
	stop  context.CancelFunc
	done  chan struct{}

	mu      sync.Mutex
	s       *state
	moved   chan struct{} // closed when the gate may have opened, or the role was lost
	active  chan struct{} // closed when it is the active one
	signed  chan struct{} // closed when the active one has said that it serves; signs counts them
	signs   uint64
	over    chan struct{} // closed when another term begins
	term    uint64
	checked time.Time // when run came by last

	until atomic.Int64 // for how long attempts may begin, by now
	zero  time.Time    // of until
}

// Join makes this process a replica: a standby at first. It stops when Release or Leave is
// called, and not before.
func Join(board Board, o Options) *Member {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	now := time.Now()
	o.About.Since = now.UTC()
	m := &Member{
		o: o, board: board, wake: make(chan struct{}, 1), done: make(chan struct{}), zero: now,
		s: newState(o.Failover, o.About, ulid.Make().String(), now), moved: make(chan struct{}), active: make(chan struct{}), signed: make(chan struct{}), over: make(chan struct{}), checked: now,
	}
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	go m.run(ctx)
	return m
}

// run sends beats, and does what is due.
func (m *Member) run(ctx context.Context) {
	defer close(m.done)
	every := m.o.Failover / beats
	tick := time.NewTicker(every)
	defer tick.Stop()
	due := time.NewTimer(every) // for what is due between two beats
	defer due.Stop()
	m.say()
	for {
		due.Reset(m.act(ctx))
		select {
		case <-tick.C:
			m.say()
		case <-m.wake:
		case <-due.C:
		case <-ctx.Done():
			return
		}
	}
}

// say sends the next beat.
func (m *Member) say() {
	m.mu.Lock()
	if m.s.released || m.s.lost != "" {
		m.mu.Unlock()
		return
	}
	m.checked = time.Now()
	b := m.s.next(m.checked)
	m.mu.Unlock()
	m.send(&b)
}

func (m *Member) send(b *beat) {
	data, err := json.Marshal(b)
	if err == nil {
		err = m.board.Say(data)
	}
	if err != nil {
		m.o.Log.Debug("beat not sent", zap.Error(err)) // that it is not heard says the same
	}
}

// act does what is due now, and returns when the next is due.
func (m *Member) act(ctx context.Context) (next time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	do := m.s.decide(now)
	m.gate()
	switch do {
	case nothing:
	case reconnect:
		m.o.Log.Warn("this replica does not hear itself over NATS; connecting to another server")
		go m.board.Reconnect()
	case look:
		go m.look(ctx, m.s.needsProof(now))
	case take:
		mine, revision := record{m.s.about, Format, m.s.instance, false}, m.s.known
		mine.Since = now.UTC() // state.found knows it by that
		go m.take(ctx, &mine, revision)
	case give, refuse:
		why := ErrTaken
		if do == give {
			why = fmt.Errorf("not the active replica any more: %s", m.s.lost)
		}
		m.s.released = true
		m.move()
		m.o.Log.Error("role lost", zap.Error(why))
		go m.o.OnLost(why)
	}
	return m.s.due(now)
}

// gate notes for how long attempts may begin. m.mu is held.
func (m *Member) gate() {
	until := int64(0)
	if m.s.holds(time.Now()) {
		until = int64(m.s.told.Add(m.s.failover * 4 / 5).Sub(m.zero))
	}
	if m.until.Swap(until) < until {
		m.move()
	}
}

// move wakes who waits for the gate, or for the end of the role. m.mu is held.
func (m *Member) move() {
	close(m.moved)
	m.moved = make(chan struct{})
}

// look reads the record. With a proof, it is that of now also if NATS is split.
func (m *Member) look(ctx context.Context, proof bool) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, m.o.Failover/2)
	defer cancel()
	var data []byte
	var revision uint64
	var r record
	var err error
	if proof {
		err = m.board.Prove(ctx)
	}
	if err == nil {
		data, revision, err = m.board.Record(ctx)
	}
	if err == nil && revision > 0 {
		if err = json.Unmarshal(data, &r); err != nil {
			err = fmt.Errorf("the record of the active replica: %w", err)
		}
	}
	m.settle(func(now time.Time) {
		if err != nil {
			m.s.unanswered(now)
			m.o.Log.Debug("record of the active replica not read", zap.Error(err))
			return
		}
		m.s.found(&r, revision, began, now)
		if proof {
			m.s.proved(revision, began)
		}
		if r.Format > Format {
			m.o.Log.Warn("a newer version is active; this one stays a standby", zap.String("active", r.Replica), zap.String("version", r.Version))
		}
	})
}

// take makes the record ours.
//
// Killed before it returns: the record is ours or not; if it is, nobody beats for it, and
// another one takes over after the failover time.
func (m *Member) take(ctx context.Context, mine *record, revision uint64) {
	ctx, cancel := context.WithTimeout(ctx, m.o.Failover/2)
	defer cancel()
	data, err := json.Marshal(mine)
	if err == nil {
		revision, err = m.board.Replace(ctx, data, revision)
	}
	m.settle(func(now time.Time) {
		switch {
		case err == nil:
			m.s.took(revision, now)
		case errors.Is(err, gateway.ErrChanged):
			m.s.asking, m.s.checked = false, true
		default:
			m.s.unanswered(now)
			m.s.checked = true // it may be ours
			m.o.Log.Warn("the role cannot be taken; trying again", zap.Error(err))
		}
	})
}

// settle does something with the state, and what follows from it.
func (m *Member) settle(do func(now time.Time)) {
	m.mu.Lock()
	was := m.s.epoch
	do(time.Now())
	m.gate()
	m.tell()
	began := m.s.epoch != was
	if began {
		m.o.Log.Info("active", zap.Uint64("epoch", m.s.epoch), zap.String("because", m.s.reason))
		close(m.active)
	}
	m.mu.Unlock()
	if began { // the others need not wait for the next beat
		m.say()
	}
	m.nudge()
}

// nudge lets run look what is due.
func (m *Member) nudge() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Hear takes what was said to all replicas.
func (m *Member) Hear(data []byte) {
	var b beat
	if json.Unmarshal(data, &b) != nil || b.Instance == "" {
		return
	}
	m.mu.Lock()
	m.s.hear(&b, time.Now())
	m.gate()
	m.tell()
	due := m.s.free || m.s.lost != "" || b.Instance == m.s.instance && !m.s.read
	m.mu.Unlock()
	if due {
		m.nudge()
	}
}

// Check looks at the record at once: something looks as if another one were active. Where
// that cannot be said, because nothing is heard, or no leader has the record, the role is lost.
func (m *Member) Check(why string) {
	m.settle(func(now time.Time) {
		m.s.checked, m.s.failed, m.s.suspect = true, false, why
		if m.s.epoch > 0 && !m.s.hears(now) {
			m.s.lose(why)
		}
	})
}

// Describe sets the hashes of the configuration, of its secrets, and of the certificate, that others hear of.
func (m *Member) Describe(config, secrets, certificate string) {
	m.mu.Lock()
	m.s.about.Config, m.s.about.Secrets, m.s.about.Certificate = config, secrets, certificate
	m.mu.Unlock()
}

// Active is closed when this replica is the active one.
func (m *Member) Active() <-chan struct{} { return m.active }

// May reports whether an attempt may begin now: no other replica can have taken over.
func (m *Member) May() bool { return int64(time.Since(m.zero)) < m.until.Load() }

// Await waits until an attempt may begin, and reports false if done comes before.
func (m *Member) Await(done <-chan struct{}) bool {
	for !m.May() {
		m.mu.Lock()
		moved := m.moved
		m.mu.Unlock()
		if m.May() {
			break
		}
		select {
		case <-moved:
		case <-done:
			return false
		}
	}
	return true
}

// Keeps reports whether no other replica has taken over until now. It waits until that is known: false also means that ctx
// has ended before.
func (m *Member) Keeps(ctx context.Context) bool {
	for !m.May() {
		m.mu.Lock()
		moved, gone := m.moved, m.s.released || m.s.lost != ""
		m.mu.Unlock()
		switch {
		case m.May():
			return true
		case gone:
			return false
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// Release ends cleanly. An active replica frees the record, so that the next one begins at
// once; all that it does has to have ended before.
//
// Killed before it returns: the next one takes over after the failover time.
func (m *Member) Release(ctx context.Context) {
	m.mu.Lock()
	silent := m.s.released // it has lost the role, or never may have it
	epoch, free := m.s.epoch, record{m.s.about, Format, m.s.instance, true}
	m.s.released = true
	m.gate()
	m.move()
	m.mu.Unlock()
	m.stop()
	<-m.done
	if silent {
		return
	}
	last := beat{About: free.About, Instance: free.Instance, State: ended}
	if epoch > 0 {
		data, err := json.Marshal(&free)
		if err == nil {
			last.Epoch, err = m.board.Replace(ctx, data, epoch)
		}
		if err != nil {
			last.Epoch = epoch // the record shows whether it is free
			m.o.Log.Warn("role not handed over; the next replica waits for the failover time", zap.Error(err))
		}
	}
	m.send(&last)
}
