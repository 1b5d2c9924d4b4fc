package httpapi

import (
	"net/http"
	"sync"
)

// bodiesBytes bounds what the bodies of all requests take together, unless four of the
// largest take more.
const bodiesBytes = 64 << 20

// bodies is the memory that bodies on their way take. No caller may take more than half
// of it.
type bodies struct {
	refused func(why string)

	mu   sync.Mutex
	used int64
	held map[holder]int64 // those with none are not in it
}

// take takes so much more for a body, of most bytes for all, or says why not. Who has
// nothing yet may take anything that fits.
func (b *bodies) take(of bounds, more, most int64) *Fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, h := range of.all() {
		if held := b.held[h.holder]; held > 0 && held+more > most/2 {
			b.refused(refusedShare)
			return &Fault{Status: http.StatusTooManyRequests, Text: "the bodies of your other requests take as much memory as one caller may have; wait until some of them have ended", RetryAfter: 1}
		}
	}
	if b.used+more > most {
		b.refused(refusedFull)
		return &Fault{Status: http.StatusServiceUnavailable, Text: "the bodies of other requests take all the memory there is for them; try again in a second", RetryAfter: 1}
	}
	b.used += more
	for _, h := range of.all() {
		b.held[h.holder] += more
	}
	return nil
}

// give gives back what a body took.
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
