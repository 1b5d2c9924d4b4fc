package presence

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/loglimit"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

const (
	// maxSubscribers bounds the table. Later subscribers are accepted, but get no
	// presence after a restart.
	maxSubscribers = 200_000
	// maxOfUser bounds the subscriptions of one user, and maxOfDomain those from one
	// stranger's domains.
	maxOfUser   = 1000
	maxOfDomain = maxSubscribers / 4
	// maxForeign bounds the subscriptions of all strangers together.
	maxForeign = maxSubscribers / 2
	// maxChanges bounds the changes that wait for the store.
	maxChanges   = 4096
	storeTimeout = 10 * time.Second
	busyDelay    = 100 * time.Millisecond
)

// Subscribers holds the users who see the presence of the bots. It survives
// restarts, so that subscribers get the bots' presence when they come and go.
//
// Killed before a change is stored, which takes milliseconds: the bot stays offline
// for that user after the restart, until the user's server probes it at the next
// login.
type Subscribers struct {
	store   *store.Subscribers
	log     *zap.Logger
	changes chan change
	repeats loglimit.Limiter

	// Content, which may be nil, returns what the available presence of a bot, a bare JID,
	// carries. Set it before presence is sent.
	Content func(bot jid.JID) string

	// Exists, which may be nil, reports whether there is a bot, a bare JID. Subscriptions to one
	// that there is not any more end. Set it before presence is sent.
	Exists func(bot jid.JID) bool

	// Refused counts subscriptions that are not kept, because the table, or the share
	// of their user or domain, is full.
	Refused atomic.Int64

	mu      sync.Mutex
	all     map[store.Subscriber]struct{}
	users   map[string]int // number of subscriptions
	domains map[string]int
	foreign int // subscriptions of strangers
}

type change struct {
	store.Subscriber
	subscribed bool
}

// LoadSubscribers reads the stored subscribers.
func LoadSubscribers(ctx context.Context, s *store.Subscribers, log *zap.Logger) (*Subscribers, error) {
	list, err := s.All(ctx)
	if err != nil {
		return nil, err
	}
	p := &Subscribers{store: s, log: log, changes: make(chan change, maxChanges), all: make(map[store.Subscriber]struct{}, len(list)), users: make(map[string]int), domains: make(map[string]int)}
	for _, sub := range list {
		p.all[sub] = struct{}{}
		p.count(sub, 1)
	}
	return p, nil
}

// Run stores changes until ctx is done and no change is left.
func (p *Subscribers) Run(ctx context.Context) {
	for {
		select {
		case c := <-p.changes:
			p.write(c)
		case <-ctx.Done():
			for {
				select {
				case c := <-p.changes:
					p.write(c)
				default:
					return
				}
			}
		}
	}
}

func (p *Subscribers) write(c change) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	put := p.store.Remove
	if c.subscribed {
		put = p.store.Put
	}
	if err := put(ctx, c.Subscriber); err != nil {
		p.repeats.Warn(p.log, "presence subscription not stored", zap.Error(err))
	}
}

// set records a subscription or its end. It does not block.
func (p *Subscribers) set(bot, user jid.JID, subscribed bool) {
	sub := store.Subscriber{Bot: bot.Bare().String(), User: user.Bare().String()}
	p.mu.Lock()
	_, known := p.all[sub]
	switch {
	case known == subscribed:
		p.mu.Unlock()
		return
	case subscribed && !p.room(sub):
		p.mu.Unlock()
		p.Refused.Add(1)
		return
	case subscribed:
		p.all[sub] = struct{}{}
		p.count(sub, 1)
	default:
		delete(p.all, sub)
		p.count(sub, -1)
	}
	p.mu.Unlock()
	select {
	case p.changes <- change{sub, subscribed}:
	default:
		p.repeats.Warn(p.log, "presence subscription not stored", zap.String("reason", "too many changes at once"))
	}
}

// room reports whether one more fits into the table and into the shares of its user
// and domain. p.mu is held.
func (p *Subscribers) room(sub store.Subscriber) bool {
	return len(p.all) < maxSubscribers && p.users[sub.User] < maxOfUser &&
		(own(sub) || p.domains[domainOf(sub)] < maxOfDomain && p.foreign < maxForeign)
}

// own reports whether the user is at the server of the bot.
func own(sub store.Subscriber) bool { return jid.FromServer(sub.User).Beside(jid.FromServer(sub.Bot)) }

// count counts a subscription or its end. p.mu is held.
func (p *Subscribers) count(sub store.Subscriber, n int) {
	add(p.users, sub.User, n)
	add(p.domains, domainOf(sub), n)
	if !own(sub) {
		p.foreign += n
	}
}

func add(table map[string]int, key string, n int) {
	if table[key] += n; table[key] <= 0 {
		delete(table, key)
	}
}

// domainOf returns the domain that a subscription counts for: a stranger has any number of them
// below the one that they have registered.
func domainOf(sub store.Subscriber) string {
	user := jid.FromServer(sub.User)
	if own(sub) {
		return user.Domain()
	}
	return user.Site()
}

// content returns what a presence carries.
func (p *Subscribers) content(h stanza.Header) string {
	if p.Content == nil || h.Type != "" {
		return ""
	}
	return p.Content(h.From.Bare())
}

// Announce sends presence of a link's bots to all their subscribers: available, or
// with type "unavailable" unavailable (RFC 6121 section 4).
func (p *Subscribers) Announce(ctx context.Context, l *component.Link, typ string) {
	p.each(ctx, l, func(bot, user jid.JID) []*stanza.Stanza { return p.presence(bot, user, typ) })
}

// presence returns the presence of a bot for a subscriber; nothing if there can be none. A
// subscription to a bot that does not exist any more ends (RFC 6121 section 3.2).
//
// Killed after it is sent and before that is stored: it is sent again after the restart.
func (p *Subscribers) presence(bot, user jid.JID, typ string) []*stanza.Stanza {
	from, err := bot.WithResource(resource)
	if err != nil {
		return nil // not a valid JID
	}
	headers := []stanza.Header{{Kind: stanza.Presence, Type: typ, From: from, To: user}}
	if p.isGone(bot) {
		headers[0].Type = "unavailable"
		headers = append(headers, stanza.Header{Kind: stanza.Presence, Type: "unsubscribed", From: bot, To: user})
		p.set(bot, user, false)
	}
	var all []*stanza.Stanza
	for _, h := range headers {
		if s, err := stanza.Build(h, p.content(h), stanza.Limits{}); err == nil {
			all = append(all, s)
		}
	}
	return all
}

func (p *Subscribers) isGone(bot jid.JID) bool { return p.Exists != nil && !p.Exists(bot) }

// each sends what there is to send for each bot of a link and each of its subscribers.
func (p *Subscribers) each(ctx context.Context, l *component.Link, of func(bot, user jid.JID) []*stanza.Stanza) {
	p.mu.Lock()
	subs := make([]store.Subscriber, 0, len(p.all))
	for sub := range p.all {
		subs = append(subs, sub)
	}
	p.mu.Unlock()
	for _, sub := range subs {
		bot := jid.FromServer(sub.Bot)
		if bot.Domain() != l.Domain().Domain() {
			continue
		}
		for _, s := range of(bot, jid.FromServer(sub.User)) {
			err := l.Send(s, nil)
			for ; errors.Is(err, gateway.ErrBusy); err = l.Send(s, nil) {
				select {
				case <-time.After(busyDelay):
				case <-ctx.Done():
					return
				}
			}
		}
		if ctx.Err() != nil {
			return
		}
	}
}
