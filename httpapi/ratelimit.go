package httpapi

import (
	"math"
	"net/http"
	"sync"
	"time"
)

// RateLimit is how many requests a caller may make. Without PerSecond: any.
type RateLimit struct {
	PerSecond int
	Burst     int // at once, after a pause; 0: PerSecond
}

// maxBuckets bounds how many callers are remembered. Tokens are few; addresses
// and XMPP accounts can be many.
const maxBuckets = 10_000

// limiter is a token bucket for each caller.
type limiter struct {
	mu      sync.Mutex
	limit   RateLimit
	buckets map[string]bucket
}

type bucket struct {
	left float64 // requests
	at   time.Time
}

func (l *limiter) set(limit RateLimit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if limit.Burst == 0 {
		limit.Burst = limit.PerSecond
	}
	l.limit, l.buckets = limit, make(map[string]bucket)
}

// take reports whether a caller may make a request now, and if not, when.
func (l *limiter) take(caller string, now time.Time) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.limit.PerSecond <= 0 {
		return 0, true
	}
	b, known := l.buckets[caller]
	if !known {
		l.forget(now)
	}
	b = l.filled(b, known, now)
	if ok = b.left >= 1; ok {
		b.left--
	} else {
		wait = time.Duration((1 - b.left) / float64(l.limit.PerSecond) * float64(time.Second))
	}
	l.buckets[caller] = b
	return wait, ok
}

func (l *limiter) filled(b bucket, known bool, now time.Time) bucket {
	full := float64(l.limit.Burst)
	if !known {
		return bucket{full, now}
	}
	added := max(0, now.Sub(b.at).Seconds()) * float64(l.limit.PerSecond)
	return bucket{min(full, b.left+added), now}
}

// forget makes room: who has been away for so long that his bucket is full again
// needs none; if there is nobody like that, one goes that chance picks.
func (l *limiter) forget(now time.Time) {
	if len(l.buckets) < maxBuckets {
		return
	}
	for caller, b := range l.buckets {
		if l.filled(b, true, now).left >= float64(l.limit.Burst) {
			delete(l.buckets, caller)
		}
	}
	for caller := range l.buckets {
		if len(l.buckets) < maxBuckets {
			return
		}
		delete(l.buckets, caller)
	}
}

// limitRate refuses callers who ask too often (RFC 6585 section 4). Where nobody
// has to say who he is, the address says it.
func (s *Server) limitRate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := requestOf(r.Context())
		caller := q.who.Name
		if s.o.NoAuth {
			caller = q.addr.String()
		}
		if wait, ok := s.rate.take(caller, time.Now()); !ok {
			s.refuse(w, r, &Fault{
				Status:     http.StatusTooManyRequests,
				Text:       "too many requests; wait as long as Retry-After says (http.rate_limit)",
				RetryAfter: int(math.Ceil(wait.Seconds())),
			})
			return
		}
		next.ServeHTTP(w, r)
	})
}
