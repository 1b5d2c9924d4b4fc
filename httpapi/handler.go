package httpapi

import (
	"net/http"

	"github.com/gorilla/mux"

	"stanzahook/pkg/loglimit"
)

// Handler serves the mounts of one configuration: it routes and authenticates requests
// and bounds them. [Server] listens for it.
type Handler struct {
	o        Options
	mounts   []Mount
	serve    http.Handler
	open     *mux.Router // the routes without authentication
	openFrom []string    // how their paths begin
	live     *live
	rate     *limiter
	repeats  loglimit.Limiter
	server   []string // the header Server; nil: none
	replica  []string // the header Stanzahook-Replica; nil: none
}

// New returns a handler. Two routes with the same method and path are a mistake of the
// caller; the first counts.
func New(o Options, mounts ...Mount) *Handler {
	o = o.withDefaults()
	slots := newSlots(o.MaxConcurrent)
	h := &Handler{o: o, mounts: mounts, live: &live{
		slots: slots, waiting: newSlots(waitingPart * o.MaxConcurrent), strangers: newStrangers(), tarpit: newTarpit(o.MaxConnections), proven: newProven(), bodies: bodies{refused: slots.refuse, slots: slots.most, held: make(map[holder]int64)}, holds: make(map[*hold]struct{}),
	}}
	h.live.current.Store(h)
	if o.Version != "" {
		h.server = []string{"stanzahook/" + o.Version}
	}
	if o.Replica != "" {
		h.replica = []string{o.Replica}
	}
	h.rate = new(limiter)
	h.rate.set(o.Rate)
	h.serve = h.identify(h.logAccess(h.recoverPanics(h.boundArrival(h.underBase(h.ownHost(h.routes()))))))
	return h
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if m, path := h.mountOf(r); m != nil {
		h.admit(w, r, m, path)
		return
	}
	h.serve.ServeHTTP(w, r)
}

// Replace makes next the successor of h, for a reload: the requests in progress of h
// count for the slots of next, and end when they lose their right by next; see [Hold].
//
// What callers have used of their rate stays used, unless the limit has changed.
func (h *Handler) Replace(next *Handler) {
	if next.o.Rate == h.o.Rate {
		next.rate = h.rate
	}
	next.live = h.live
	h.live.current.Store(next)
	h.live.review()
}
