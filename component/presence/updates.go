package presence

import (
	"context"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"time"

	"stanzahook/component"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Updates tells subscribers what has changed about bots: presence with its new content, and
// events of avatars (XEP-0084 section 4.3). Of several changes of a bot that wait only the
// last is sent. Whoever may change a bot may do so as often as they like: the next change waits
// the longer the more people have been told of the one before, so that the link and the processor
// are for others as well. Each component has its own turns: a server that is slow, or does not
// read, keeps none of the others waiting.
//
// Killed while changes wait: subscribers get the presence with its content when the component
// is connected again, and with it the id of the avatar (XEP-0153).
type Updates struct {
	Counters UpdateCounters

	subscribers *Subscribers
	links       func() []*component.Link
	others      func(ctx context.Context, bots map[jid.JID]bool) map[jid.JID]int

	mu      sync.Mutex
	of      map[string]*turns // by component
	recheck bool              // whether all bots exist
	wake    chan struct{}
}

// UpdateCounters count since the start of the process.
type UpdateCounters struct {
	Told     atomic.Int64 // stanzas to subscribers and rooms
	Replaced atomic.Int64 // changes in whose place a later one of the same bot was sent
}

// turns are the changes of the bots of one component.
type turns struct {
	all    *Updates
	domain string

	mu      sync.Mutex
	pending map[jid.JID]string // an event, or nothing
	recheck bool
	wake    chan struct{}

	running bool                  // Updates.mu guards it
	next    map[jid.JID]time.Time // when a bot's next change may be told; of run alone
}

const (
	// updatePace is how many subscribers and rooms may be told of one bot's changes, a second on average.
	updatePace = 500
	// roundEvery is how long a round takes at least: each looks at all subscribers.
	roundEvery = 250 * time.Millisecond
	// updatesAtOnce is how many stanzas go out before others may send again.
	updatesAtOnce = 100
)

// NewUpdates returns Updates without any. links returns those over which presence is sent.
// others is called with the bots that have changed, too, those of one component at a time, and
// returns how many it has told of each.
func NewUpdates(s *Subscribers, links func() []*component.Link, others func(ctx context.Context, bots map[jid.JID]bool) map[jid.JID]int) *Updates {
	return &Updates{subscribers: s, links: links, others: others, of: make(map[string]*turns), wake: make(chan struct{}, 1)}
}

// Add notes that a bot, a bare JID, has changed. event is the XML of an event; empty: there is
// none. It does not block.
func (u *Updates) Add(bot jid.JID, event string) {
	u.mu.Lock()
	t := u.turnsOf(bot.Domain())
	u.mu.Unlock()
	t.add(bot, event)
	poke(u.wake)
}

// Recheck ends the subscriptions to bots that do not exist any more. It does not block.
func (u *Updates) Recheck() {
	u.mu.Lock()
	u.recheck = true
	u.mu.Unlock()
	poke(u.wake)
}

// Waiting returns how many bots have changes that wait.
func (u *Updates) Waiting() (n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, t := range u.of {
		t.mu.Lock()
		n += len(t.pending)
		t.mu.Unlock()
	}
	return n
}

// turnsOf returns those of a component. u.mu is held.
func (u *Updates) turnsOf(domain string) *turns {
	t := u.of[domain]
	if t == nil {
		t = &turns{all: u, domain: domain, pending: make(map[jid.JID]string), wake: make(chan struct{}, 1), next: make(map[jid.JID]time.Time)}
		u.of[domain] = t
	}
	return t
}

func poke(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

// Run tells of changes until ctx is done.
func (u *Updates) Run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	for {
		select {
		case <-u.wake:
		case <-ctx.Done():
			return
		}
		u.mu.Lock()
		if u.recheck {
			u.recheck = false
			for _, l := range u.links() {
				u.turnsOf(l.Domain().Domain()).askRecheck()
			}
		}
		for _, t := range u.of {
			if !t.running {
				t.running = true
				all.Go(func() { t.run(ctx) })
			}
		}
		u.mu.Unlock()
	}
}

func (t *turns) add(bot jid.JID, event string) {
	t.mu.Lock()
	before, waits := t.pending[bot]
	if waits {
		t.all.Counters.Replaced.Add(1)
	}
	if event != "" || before == "" {
		t.pending[bot] = event
	}
	t.mu.Unlock()
	poke(t.wake)
}

func (t *turns) askRecheck() {
	t.mu.Lock()
	t.recheck = true
	t.mu.Unlock()
	poke(t.wake)
}

// run tells of the changes of one component until ctx is done.
func (t *turns) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-t.wake:
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		began := time.Now()
		changed, recheck, wait := t.due(began)
		if len(changed) > 0 || recheck {
			t.tell(ctx, changed, recheck)
			select {
			case <-time.After(time.Until(began.Add(roundEvery))):
			case <-ctx.Done():
				return
			}
		}
		if wait > 0 {
			timer.Reset(max(0, wait-time.Since(began)))
		}
	}
}

// due returns the changes that may be told now, and when the next one may; 0: none waits.
func (t *turns) due(now time.Time) (changed map[jid.JID]string, recheck bool, wait time.Duration) {
	for bot, at := range t.next {
		if !at.After(now) {
			delete(t.next, bot)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	changed = make(map[jid.JID]string)
	for bot, event := range t.pending {
		if at, waits := t.next[bot]; waits {
			if left := at.Sub(now); wait == 0 || left < wait {
				wait = left
			}
			continue
		}
		changed[bot] = event
		delete(t.pending, bot)
	}
	recheck, t.recheck = t.recheck, false
	return changed, recheck, wait
}

// tell tells of changes, and notes when the next ones of the same bots may be told.
func (t *turns) tell(ctx context.Context, changed map[jid.JID]string, recheck bool) {
	told := make(map[jid.JID]int)
	for _, l := range t.all.links() {
		if l.Domain().Domain() == t.domain && l.Connected() { // else OnUp announces what there is
			t.all.subscribers.update(ctx, l, changed, recheck, told)
		}
	}
	bots := make(map[jid.JID]bool)
	for bot := range changed {
		bots[bot] = true
	}
	for bot, n := range t.all.others(ctx, bots) {
		told[bot] += n
	}
	now := time.Now()
	for bot, n := range told {
		t.all.Counters.Told.Add(int64(n))
		t.next[bot] = now.Add(time.Duration(n) * time.Second / updatePace)
	}
}

// update sends the presence of bots that have changed, and events, to their subscribers. The
// events are headlines, which servers do not keep for those who are offline. It counts in told.
func (p *Subscribers) update(ctx context.Context, l *component.Link, changed map[jid.JID]string, recheck bool, told map[jid.JID]int) {
	n := 0
	p.each(ctx, l, func(bot, user jid.JID) []*stanza.Stanza {
		event, ok := changed[bot]
		if !ok && !(recheck && p.isGone(bot)) {
			return nil
		}
		var all []*stanza.Stanza
		if event != "" && !p.isGone(bot) {
			h := stanza.Header{Kind: stanza.Message, Type: "headline", ID: rand.Text(), From: bot, To: user}
			if s, err := stanza.Build(h, event, stanza.Limits{}); err == nil {
				all = append(all, s)
			}
		}
		all = append(all, p.presence(bot, user, "")...)
		if n++; n%updatesAtOnce == 0 {
			_, _ = l.RoundTrip(ctx) // what others send meanwhile is not waited for; without a connection the presence is announced anew
		}
		told[bot] += len(all)
		return all
	})
}
