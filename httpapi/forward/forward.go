package forward

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"stanzahook/httpapi"
	"stanzahook/pkg/loglimit"
	"stanzahook/pkg/replica"
)

// Outcomes of requests.
const (
	answered    = "answered"    // by the active replica, whatever it said
	unavailable = "unavailable" // 503: no replica was active, and nothing was done
	lost        = "lost"        // 502: it may have been done
	cut         = "cut"         // its replica died while it answered
	gone        = "gone"        // the caller went
)

// Outcomes are the keys of [Forward.Counts].
func Outcomes() []string { return []string{answered, unavailable, lost, cut, gone} }

// Options configure a [Forward].
type Options struct {
	Name string        // of this replica
	Hold time.Duration // how long a request waits for an active replica
	// Active waits for the active replica, as replica.Member.AwaitServing does.
	Active func(ctx context.Context, last *replica.Serving) (replica.Serving, error)
	// Self returns the URL of this replica's own server: when it becomes active, it passes on to
	// itself what it holds.
	Self func() string
	// Repeatable reports whether a request may be done twice: the active replica sees by its
	// Idempotency-Key that it is one. A GET may always.
	Repeatable func(*http.Request) bool
	Log        *zap.Logger // nil: none
}

// Forward passes requests on. It is httpapi.Options.Elsewhere of a standby.
type Forward struct {
	o       Options
	key     atomic.Pointer[[]byte] // of signatures
	repeats loglimit.Limiter
	targets targets
	reached reach
	waiting atomic.Int64 // requests that have no answer yet

	stopping context.Context // ended by Stop
	stop     context.CancelFunc

	mu     sync.Mutex
	counts map[string]int64 // by outcome
}

// New returns a Forward.
func New(o Options) *Forward {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	f := &Forward{o: o, counts: make(map[string]int64)}
	f.stopping, f.stop = context.WithCancel(context.Background())
	for _, outcome := range Outcomes() {
		f.counts[outcome] = 0
	}
	return f
}

// Stop ends what is held, and streams of events. Other requests end with their answers.
func (f *Forward) Stop() {
	f.stop()
	f.targets.close()
}

// Counts returns how many requests have had each outcome, and how many have no answer yet.
func (f *Forward) Counts() (counts map[string]int64, waiting int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	counts = make(map[string]int64, len(f.counts))
	for outcome, n := range f.counts {
		counts[outcome] = n
	}
	return counts, f.waiting.Load()
}

func (f *Forward) count(outcome string) {
	f.mu.Lock()
	f.counts[outcome]++
	f.mu.Unlock()
}

// ServeHTTP implements http.Handler.
func (f *Forward) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isForwarded(r) { // the one that has passed it on does so again when it knows more
		w.Header().Set(standbyHeader, f.o.Name)
		httpapi.Refuse(w, r, unavailableFault("this replica is not the active one, and the request was passed on already"))
		return
	}
	f.waiting.Add(1)
	x := newExchange(f, w, r)
	defer func() {
		f.waiting.Add(-1)
		f.count(x.outcome)
	}()
	x.run()
}

func unavailableFault(format string, args ...any) *httpapi.Fault {
	return &httpapi.Fault{Status: http.StatusServiceUnavailable, Text: fmt.Sprintf(format, args...), RetryAfter: 1}
}
