package sending

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// Callers may send so many messages and presence a minute between two addresses of
// our own components, in both directions together. Hops cannot bound them: each answer
// of a bot by the HTTP API is a new stanza.
const (
	selfSends   = 30
	selfWindow  = time.Minute
	maxSelfPair = 10_000
)

// selfSending counts what callers send between addresses of our own components.
type selfSending struct {
	refused atomic.Int64

	mu    sync.Mutex
	pairs *simplelru.LRU[[2]jid.JID, *sends]
}

// sends are the times of the last ones, as a ring.
type sends struct {
	times [selfSends]time.Time
	next  int
}

// take notes a stanza, or returns how long the caller has to wait.
func (c *selfSending) take(from, to jid.JID, now time.Time) (wait time.Duration) {
	pair := [2]jid.JID{from.Bare(), to.Bare()}
	if pair[0].String() > pair[1].String() {
		pair[0], pair[1] = pair[1], pair[0]
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pairs == nil {
		c.pairs, _ = simplelru.NewLRU[[2]jid.JID, *sends](maxSelfPair, nil) // fails for no size
	}
	s, ok := c.pairs.Get(pair)
	if !ok {
		s = &sends{}
		c.pairs.Add(pair, s)
	}
	if oldest := s.times[s.next]; !oldest.IsZero() && now.Sub(oldest) < selfWindow {
		return selfWindow - now.Sub(oldest)
	}
	s.times[s.next] = now
	s.next = (s.next + 1) % selfSends
	return 0
}

// counts returns the number of known pairs, and of refused stanzas.
func (c *selfSending) counts() (pairs int, refused int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pairs != nil {
		pairs = c.pairs.Len()
	}
	return pairs, c.refused.Load()
}

// give is the function give for a stanza within the bound, without a count of hops that
// the caller has written into it.
func (c *selfSending) give(ctx context.Context, log *zap.Logger, isOurs func(domain string) bool, send sending, s *stanza.Stanza) (gateway.State, error) {
	s, err := webhook.WithoutHops(s)
	if err != nil {
		return "", err
	}
	if isOurs(s.To.Domain()) {
		if wait := c.take(s.From, s.To, time.Now()); wait > 0 {
			c.refused.Add(1)
			return "", &gateway.TooOften{After: wait}
		}
	}
	return give(ctx, log, send, s)
}
