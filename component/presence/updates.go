package presence

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"stanzahook/component"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Updates tells subscribers what has changed about bots: presence with its new content, and
// events of avatars (XEP-0084 section 4.3). Of several changes of a bot that wait only the
// last is sent. Whoever may change a bot may do so as often as they like: the next change waits
// the longer the more people have been told of the one before, so that the link and the processor
// are for others as well.
//
// Killed while changes wait: subscribers get the presence with its content when the component
// is connected again, and with it the id of the avatar (XEP-0153).
type Updates struct {
	subscribers *Subscribers
	links       func() []*component.Link
	others      func(ctx context.Context, bots map[jid.JID]bool) map[jid.JID]int

	mu      sync.Mutex
	pending map[jid.JID]string // an event, or nothing
	recheck bool               // whether all bots exist
	wake    chan struct{}

	next map[jid.JID]time.Time // when a bot's next change may be told; of Run alone
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
// others is called with the bots that have changed, too, and returns how many it has told of each.
func NewUpdates(s *Subscribers, links func() []*component.Link, others func(ctx context.Context, bots map[jid.JID]bool) map[jid.JID]int) *Updates {
	return &Updates{subscribers: s, links: links, others: others, pending: make(map[jid.JID]string), wake: make(chan struct{}, 1), next: make(map[jid.JID]time.Time)}
}

// Add notes that a bot, a bare JID, has changed. event is the XML of an event; empty: there is
// none. It does not block.
func (u *Updates) Add(bot jid.JID, event string) {
	u.mu.Lock()
	if event != "" || u.pending[bot] == "" {
		u.pending[bot] = event
	}
	u.mu.Unlock()
	u.poke()
}

// Recheck ends the subscriptions to bots that do not exist any more. It does not block.
func (u *Updates) Recheck() {
	u.mu.Lock()
	u.recheck = true
	u.mu.Unlock()
	u.poke()
}

func (u *Updates) poke() {
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

// Run tells of changes until ctx is done.
func (u *Updates) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-u.wake:
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		began := time.Now()
		changed, recheck, wait := u.due(began)
		if len(changed) > 0 || recheck {
			u.tell(ctx, changed, recheck)
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
func (u *Updates) due(now time.Time) (changed map[jid.JID]string, recheck bool, wait time.Duration) {
	for bot, at := range u.next {
		if !at.After(now) {
			delete(u.next, bot)
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	changed = make(map[jid.JID]string)
	for bot, event := range u.pending {
		if at, waits := u.next[bot]; waits {
			if left := at.Sub(now); wait == 0 || left < wait {
				wait = left
			}
			continue
		}
		changed[bot] = event
		delete(u.pending, bot)
	}
	recheck, u.recheck = u.recheck, false
	return changed, recheck, wait
}

// tell tells of changes, and notes when the next ones of the same bots may be told.
func (u *Updates) tell(ctx context.Context, changed map[jid.JID]string, recheck bool) {
	told := make(map[jid.JID]int)
	for _, l := range u.links() {
		if l.Connected() { // else OnUp announces what there is
			u.subscribers.update(ctx, l, changed, recheck, told)
		}
	}
	all := make(map[jid.JID]bool)
	for bot := range changed {
		all[bot] = true
	}
	for bot, n := range u.others(ctx, all) {
		told[bot] += n
	}
	now := time.Now()
	for bot, n := range told {
		u.next[bot] = now.Add(time.Duration(n) * time.Second / updatePace)
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
			_ = l.Flush(ctx) // without a connection the presence is announced anew
		}
		told[bot] += len(all)
		return all
	})
}
