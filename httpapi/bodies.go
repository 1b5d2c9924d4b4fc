package httpapi

import (
	"net/http"
	"sync"
)

// bodiesBytes bounds the memory of all bodies together, or four of the largest if those
// need more.
const bodiesBytes = 64 << 20

// bodies counts the memory of bodies. Each holder may have the part of it that it may have of
// the slots: no caller more than half.
type bodies struct {
	refused func(why string)
	slots   int // all, of which bound.most is a part

	mu   sync.Mutex
	used int64
	held map[holder]int64 // without those that have none
}

// take reserves more memory for a body that has own already, of most bytes for all, or
// returns why not. A holder without another body may reserve whatever fits.
func (b *bodies) take(of bounds, own, more, most int64) *Fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, h := range of.all() {
		if held := b.held[h.holder]; held > own && held+more > b.part(h, most) {
			b.refused(refusedShare)
			return &Fault{Status: http.StatusTooManyRequests, Text: "the bodies of your other requests take as much memory as one caller may have; wait until some of them have ended", RetryAfter: 1}
		}
	}
	if b.used+more > most {
		b.refused(refusedFull)
		return &Fault{Status: http.StatusServiceUnavailable, Text: "the bodies of other requests take all the memory for bodies; try again in a second", RetryAfter: 1}
	}
	b.used += more
	for _, h := range of.all() {
		b.held[h.holder] += more
	}
	return nil
}

// part returns how much of most bytes a holder may have.
func (b *bodies) part(of bound, most int64) int64 {
	return min(most/2, most*int64(of.most)/int64(b.slots))
}

// give returns the memory of a body.
func (b *bodies) give(of bounds, size int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= size
	for _, h := range of.all() {
		if b.held[h.holder] -= size; b.held[h.holder] <= 0 {
			delete(b.held, h.holder)
		}
	}
}
