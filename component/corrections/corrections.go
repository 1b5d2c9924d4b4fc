// Package corrections paces the corrections that callers make of their messages (XEP-0308): a
// program that writes a message bit by bit makes many, of which each goes into the archives of
// both sides, and a client that knows no corrections shows each as a message.
//
// The first correction of a message goes out at once, the next ones at most every [Every], and
// one every [Slow] when there were [Burst]. Those between wait on disk; of those that wait for
// a message the latest counts, and it always goes out. It does so before the next message of
// that conversation, and not at all after a retraction.
package corrections

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/loglimit"
	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

const (
	// Every is the least time between two corrections of a message.
	Every = 2 * time.Second
	// Burst is how many corrections of a message may follow each other so; after that there
	// is one every Slow.
	Burst = 30
	Slow  = time.Minute

	// maxMessages bounds the messages whose last correction is remembered. The oldest are
	// forgotten, and their next correction goes out at once.
	maxMessages = 10_000
	// again is how long a correction waits that could not be sent now.
	again = time.Second
	// answerWait is how long an answer of an endpoint waits for a correction before it.
	answerWait = 2 * time.Second
)

// Options configure [Corrections].
type Options struct {
	Store *store.WaitingMessages
	// Send sends a message, and records what becomes of it.
	Send func(ctx context.Context, s *stanza.Stanza, how gateway.Sending) (gateway.State, error)
	// Record records the state of a correction that waits, or does so no longer. It may wait for
	// the store.
	Record func(ctx context.Context, m store.SentMessage)
	Log    *zap.Logger // nil: nothing is logged
}

// Counters count since the start of the process.
type Counters struct {
	Replaced atomic.Int64 // corrections in whose place a newer one was sent
}

// Corrections are those that wait.
type Corrections struct {
	Counters Counters

	o                  Options
	every, slow, again time.Duration
	answerWait         time.Duration
	burst              int
	repeats            loglimit.Limiter
	ctx                context.Context
	stop               context.CancelFunc
	running            sync.WaitGroup
	count              atomic.Int64 // messages in edited, so that a message costs nothing without them

	mu      sync.Mutex
	stopped bool
	past    *simplelru.LRU[key, *pace]
	edited  map[conversation]map[string]*edits // with a correction that waits or is sent; by id
}

// conversation is one of a bot with somebody; both are bare.
type conversation struct{ own, peer jid.JID }

// key is a message of ours.
type key struct {
	conversation
	id string
}

// pace says when a message may be corrected.
type pace struct {
	last  time.Time
	limit *rate.Limiter
}

// edits is what happens to a message. Corrections.mu guards it.
type edits struct {
	*pace
	key     key
	waiting *correction   // nil: none
	timer   *time.Timer   // for that
	sending chan struct{} // closed when the one before is sent; nil: none is
}

// correction is one that waits.
type correction struct {
	*store.WaitingMessage
	stanza  *stanza.Stanza
	how     gateway.Sending
	until   time.Time // of the caller's wait
	attends bool      // a caller waits for the result; Corrections.mu guards it
	result  chan result
}

type result struct {
	state gateway.State
	err   error
}

// New returns the corrections of a store. Start must be called.
func New(o Options) *Corrections {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	past, _ := simplelru.NewLRU[key, *pace](maxMessages, nil) // fails only for size 0
	c := &Corrections{o: o, every: Every, slow: Slow, again: again, answerWait: answerWait, burst: Burst, past: past, edited: make(map[conversation]map[string]*edits)}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c
}

// Start goes on with what earlier processes have left. stop ends it; what waits stays on
// disk.
func (c *Corrections) Start(ctx context.Context) (stop func(), err error) {
	left, err := c.o.Store.Load(ctx)
	if err != nil {
		return nil, err
	}
	for _, one := range left {
		s, err := stanza.Parse(one.Stanza, stanza.Limits{MaxBytes: len(one.Stanza) + 1})
		if err != nil { // it parsed before it was stored: the disk changed it
			c.o.Log.Error("correction discarded", zap.String("reason", "damaged"), zap.Error(err))
			c.remove(one)
			continue
		}
		f := message.Read(s)
		c.put(keyOf(s, f.Of(s)), &correction{WaitingMessage: one, stanza: s, how: gateway.Sending{Caller: one.Owner, Ref: one.Ref}})
	}
	return func() {
		c.mu.Lock()
		c.stopped = true
		for _, all := range c.edited {
			for _, e := range all {
				if e.timer != nil {
					e.timer.Stop()
				}
			}
		}
		c.mu.Unlock()
		c.stop()
		c.running.Wait()
	}, nil
}

func keyOf(s *stanza.Stanza, id string) key {
	return key{conversation{s.From.Bare(), s.To.Bare()}, id}
}

// Count returns how many messages have a correction that waits, or is sent.
func (c *Corrections) Count() int { return int(c.count.Load()) }

// Send sends a correction or retraction of the message with the id how.Edits.
//
// Killed before it returns: the caller has no answer; a correction may be on disk, and is sent
// after the restart. Killed after Queued: so it is. Killed while one that waited is sent: it is
// sent again, with the same id.
//
// Errors: those of Options.Send; gateway.ErrFull if there is no room for one that is to wait, or
// the share of its caller is used up.
func (c *Corrections) Send(ctx context.Context, s *stanza.Stanza, how gateway.Sending) (gateway.State, error) {
	k := keyOf(s, how.Edits)
	how.Edits = ""
	if f := message.Read(s); f.Event != message.Correction {
		c.drop(ctx, k)
		return c.o.Send(ctx, s, how)
	}
	if c.mayGo(k) {
		return c.o.Send(ctx, s, how)
	}
	began := time.Now()
	one := &correction{
		WaitingMessage: &store.WaitingMessage{Owner: how.Caller, Ref: how.Ref, Time: began.UTC(), Stanza: s.XML()},
		stanza:         s, how: how, until: began.Add(how.Wait), attends: how.Wait > 0, result: make(chan result, 1),
	}
	if err := c.o.Store.Put(ctx, one.WaitingMessage, k.peer.String(), k.own.String()+" "+s.ID); err != nil {
		return "", err
	}
	c.record(ctx, one, store.SentQueued)
	c.put(k, one)
	if how.Wait == 0 {
		return gateway.Queued, nil
	}
	late := time.NewTimer(how.Wait)
	defer late.Stop()
	select {
	case r := <-one.result:
		return r.state, r.err
	case <-late.C:
	case <-ctx.Done():
	}
	c.mu.Lock()
	waits := one.attends
	one.attends = false
	c.mu.Unlock()
	if waits {
		return gateway.Queued, nil
	}
	r := <-one.result // it is sent just now
	return r.state, r.err
}

// mayGo reports whether a correction may go out at once, and counts it then.
func (c *Corrections) mayGo(k key) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.edited[k.conversation][k.id] != nil {
		return false
	}
	now, p := time.Now(), c.paceOf(k)
	if now.Sub(p.last) < c.every || !p.limit.AllowN(now, 1) {
		return false
	}
	p.last = now
	return true
}

// paceOf returns that of a message; c.mu is held.
func (c *Corrections) paceOf(k key) *pace {
	p, ok := c.past.Get(k)
	if !ok {
		p = &pace{limit: rate.NewLimiter(rate.Every(c.slow), c.burst)}
		c.past.Add(k, p)
	}
	return p
}

// put lets a correction wait that is on disk, in the place of the one before. Of two that were
// stored at the same time, the one that was stored last counts.
func (c *Corrections) put(k key, one *correction) {
	c.mu.Lock()
	e := c.edited[k.conversation][k.id]
	if e == nil {
		e = &edits{pace: c.paceOf(k), key: k}
		if c.edited[k.conversation] == nil {
			c.edited[k.conversation] = make(map[string]*edits)
		}
		c.edited[k.conversation][k.id] = e
		c.count.Add(1)
	}
	before := e.waiting
	if before != nil && before.Seq > one.Seq {
		before, one = one, before
	}
	e.waiting = one
	if e.timer == nil && !c.stopped {
		now := time.Now()
		after := max(e.limit.ReserveN(now, 1).DelayFrom(now), c.every-now.Sub(e.last))
		e.timer = time.AfterFunc(max(0, after), func() { c.onTime(e) })
	}
	c.mu.Unlock()
	if before != nil {
		c.replaced(before)
	}
}
