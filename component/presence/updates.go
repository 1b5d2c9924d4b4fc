package presence

import (
	"context"
	"crypto/rand"
	"maps"
	"sync"

	"stanzahook/component"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Updates tells subscribers what has changed about bots: presence with its new content, and
// events of avatars (XEP-0084 section 4.3). Of several changes of a bot that wait only the
// last is sent.
//
// Killed while changes wait: subscribers get the presence with its content when the component
// is connected again, and with it the id of the avatar (XEP-0153).
type Updates struct {
	subscribers *Subscribers
	links       func() []*component.Link
	others      func(ctx context.Context, bots map[jid.JID]bool)

	mu      sync.Mutex
	pending map[jid.JID]string // an event, or nothing
	recheck bool               // whether all bots exist
	wake    chan struct{}
}

// NewUpdates returns Updates without any. links returns those over which presence is sent.
// others is called with the bots that have changed, too.
func NewUpdates(s *Subscribers, links func() []*component.Link, others func(ctx context.Context, bots map[jid.JID]bool)) *Updates {
	return &Updates{subscribers: s, links: links, others: others, pending: make(map[jid.JID]string), wake: make(chan struct{}, 1)}
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
	for {
		select {
		case <-u.wake:
		case <-ctx.Done():
			return
		}
		u.mu.Lock()
		changed, recheck := maps.Clone(u.pending), u.recheck
		clear(u.pending)
		u.recheck = false
		u.mu.Unlock()
		all := make(map[jid.JID]bool)
		for bot := range changed {
			all[bot] = true
		}
		for _, l := range u.links() {
			if l.Connected() { // else OnUp announces what there is
				u.subscribers.update(ctx, l, changed, recheck)
			}
		}
		u.others(ctx, all)
	}
}

// update sends the presence of bots that have changed, and events, to their subscribers. The
// events are headlines, which servers do not keep for those who are offline.
func (p *Subscribers) update(ctx context.Context, l *component.Link, changed map[jid.JID]string, recheck bool) {
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
		return append(all, p.presence(bot, user, "")...)
	})
}
