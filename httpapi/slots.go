package httpapi

import (
	"cmp"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"stanzahook/pkg/gateway"
)

const (
	// unproven begins the kind of a holder that its body is still to prove.
	unproven = "unproven "
	// elsewhere is the kind of all callers together whom another process is to judge.
	elsewhere = unproven + "elsewhere"
	// keptSlots is the least number of slots reserved for the scope admin.
	keptSlots = 16
	// strangersPart: those whom another process judges have at most this part of the slots, in
	// quarters, so that the known tokens have some.
	strangersPart = 3
	// accountsPart: one account may have this part of the accounts' share.
	accountsPart = 4
)

// slots bounds the requests in progress, after authentication and with their whole body; of
// those that wait, see [Wait], there is a bound of the same kind. No caller may have more than half of the slots, and some are reserved for the scope
// admin, so that an operator can look and act while others wait for answers. Nobody waits
// for a slot: that would only move the queue into our memory.
type slots struct {
	most, kept, share int

	mu      sync.Mutex
	used    int
	held    map[holder]int // without those that have none
	refused map[string]int64
}

// holder has a bound: a token, all accounts together, one account, an address without
// authentication, all of those whom another process is to judge, or those in the name of a caller
// whom their body is still to prove: all together, of one caller, and of one caller from one network.
type holder struct {
	kind, name string
	network    netip.Prefix // of an address, or of those to be proved
}

func newSlots(most int) *slots {
	return &slots{
		most: most, kept: min(max(most/10, keptSlots), most/4), share: max(1, most/2),
		held: make(map[holder]int), refused: map[string]int64{refusedShare: 0, refusedFull: 0},
	}
}

// Why a request gets no slot.
const (
	refusedShare = "share" // the caller has as many as one may have
	refusedFull  = "full"
)

// bound is a holder with the number of slots that it may have.
type bound struct {
	holder
	most int
}

// bounds are those that a request counts for; the last ones may be empty.
type bounds [5]bound

func (b *bounds) all() []bound {
	n := 1
	for n < len(b) && b[n].kind != "" {
		n++
	}
	return b[:n]
}

func (s *slots) bounds(q *request) bounds {
	switch who := &q.who; {
	case who.AllScopes:
		return bounds{{holder{kind: "address", network: networkOf(q.addr)}, s.share}}
	case who.Name == "" && q.elsewhere: // whoever it is, another process knows
		return bounds{{holder{kind: "address", network: networkOf(q.addr)}, s.share}, {holder{kind: elsewhere}, max(1, s.most*strangersPart/4-s.kept)}}
	case who.Group != "":
		own := max(1, s.share/accountsPart)
		all := bounds{{holder{kind: who.Group}, s.share}, {holder{kind: who.Group, name: who.Name}, own}}
		if network := networkOf(q.addr); q.entry != nil && q.entry.Unproven && !q.live.proven.has(who.Name, network) {
			kind := unproven + who.Group
			all[2] = bound{holder{kind: kind}, max(1, s.share/unprovenPart)}
			all[3] = bound{holder{kind: kind, name: who.Name}, max(1, own/unprovenPart)}
			all[4] = bound{holder{kind: kind, name: who.Name, network: network}, max(1, own/unprovenPart/unprovenPart)}
		}
		return all
	default:
		return bounds{{holder{kind: "token", name: who.Name}, s.share}}
	}
}

// take takes a slot for a request, or returns why there is none.
func (s *slots) take(q *request) (bounds, *Fault) {
	all := s.bounds(q)
	free := s.most
	if !q.who.Can(gateway.ScopeAdmin) {
		free -= s.kept
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range all.all() {
		if s.held[b.holder] >= b.most {
			if b.kind == elsewhere { // no one's fault
				s.refused[refusedFull]++
				return bounds{}, overloaded()
			}
			s.refused[refusedShare]++
			return bounds{}, &Fault{
				Status:     http.StatusTooManyRequests,
				Text:       "you have as many requests in progress as one caller may have; wait until some of them have ended",
				RetryAfter: 1,
			}
		}
	}
	if s.used >= free {
		s.refused[refusedFull]++
		return bounds{}, overloaded()
	}
	s.used++
	for _, b := range all.all() {
		s.held[b.holder]++
	}
	return all, nil
}

func (s *slots) leave(all bounds) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used--
	for _, b := range all.all() {
		if s.held[b.holder]--; s.held[b.holder] == 0 {
			delete(s.held, b.holder)
		}
	}
}

// refuse counts a request without memory for its body.
func (s *slots) refuse(why string) {
	s.mu.Lock()
	s.refused[why]++
	s.mu.Unlock()
}

func overloaded() *Fault {
	return &Fault{
		Status:     http.StatusServiceUnavailable,
		Text:       "too many requests at once; try again in a second",
		RetryAfter: 1,
	}
}

// Slots is the use of the slots, or of the places of those that wait.
type Slots struct {
	Most, Kept, Share int // all; reserved for the scope admin; for one caller
	Used              int
	By                []SlotsOf        // in the order of their names
	Refused           map[string]int64 // requests without one, by reason: share or full
}

// SlotsOf is the use of one caller: a token by its name, all accounts as "accounts",
// callers without authentication as "anonymous".
type SlotsOf struct {
	Caller string
	Used   int
}

// Slots returns the current use of the slots.
func (h *Handler) Slots() Slots { return h.live.slots.use() }

// Waiting returns the current use of the places for requests that wait: see [Wait]. Those that
// were refused one kept their slots.
func (h *Handler) Waiting() Slots { return h.live.waiting.use() }

func (s *slots) use() Slots {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := Slots{Most: s.most, Kept: s.kept, Share: s.share, Used: s.used, Refused: make(map[string]int64)}
	for why, n := range s.refused {
		v.Refused[why] = n
	}
	by := make(map[string]int)
	for h, n := range s.held {
		switch {
		case h.kind == "token":
			by[h.name] += n
		case h.kind == "address":
			by["anonymous"] += n
		case h.name == "" && !strings.HasPrefix(h.kind, unproven):
			by[h.kind] += n
		}
	}
	for caller, n := range by {
		v.By = append(v.By, SlotsOf{caller, n})
	}
	slices.SortFunc(v.By, func(a, b SlotsOf) int { return cmp.Compare(a.Caller, b.Caller) })
	return v
}

// bound refuses requests without a slot. Health checks need none: overload is no reason
// for a restart.
func (h *Handler) bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := requestOf(r.Context())
		p := &place{of: h.live.slots}
		var f *Fault
		if p.bounds, f = p.of.take(q); f != nil {
			h.refuse(w, r, f)
			return
		}
		defer p.leave()
		q.place = p
		next.ServeHTTP(w, r)
	})
}
