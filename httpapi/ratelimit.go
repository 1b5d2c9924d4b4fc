package httpapi

import (
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"
)

// RateLimit is how many requests a caller may make. Without PerSecond there is no limit.
type RateLimit struct {
	PerSecond int
	Burst     int // at once, after a pause; 0: PerSecond
}

// maxBuckets bounds the number of callers with a bucket. Tokens are few; addresses and
// XMPP accounts can be many. The caller that is longest without a request goes first:
// its bucket is most likely full again.
const maxBuckets = 10_000

// limiter has a token bucket for each caller.
type limiter struct {
	mu      sync.Mutex
	limit   RateLimit
	buckets *simplelru.LRU[string, *rate.Limiter]
}

func (l *limiter) set(limit RateLimit) {
	if limit.Burst == 0 {
		limit.Burst = limit.PerSecond
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit = limit
	l.buckets, _ = simplelru.NewLRU[string, *rate.Limiter](maxBuckets, nil) // fails only for size 0
}

// take reports whether a caller may make a request now, and if not, how long to wait.
func (l *limiter) take(caller string, now time.Time) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.limit.PerSecond <= 0 {
		return 0, true
	}
	b, known := l.buckets.Get(caller)
	if !known {
		b = rate.NewLimiter(rate.Limit(l.limit.PerSecond), l.limit.Burst)
		l.buckets.Add(caller, b)
	}
	if b.AllowN(now, 1) {
		return 0, true
	}
	return time.Duration((1 - b.TokensAt(now)) / float64(l.limit.PerSecond) * float64(time.Second)), false
}

// limitRate refuses requests over the limit (RFC 6585 section 4). Without authentication
// the limit is for each address.
func (h *Handler) limitRate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := requestOf(r.Context())
		caller := q.who.Name
		if h.o.NoAuth {
			caller = q.addr.String()
		}
		if wait, ok := h.rate.take(caller, time.Now()); !ok {
			h.refuse(w, r, &Fault{
				Status:     http.StatusTooManyRequests,
				Text:       "too many requests; wait as long as Retry-After says (http.rate_limit)",
				RetryAfter: int(math.Ceil(wait.Seconds())),
			})
			return
		}
		next.ServeHTTP(w, r)
	})
}
