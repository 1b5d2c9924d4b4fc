package rooms

import "time"

// guard counts the answers of webhooks into a room, so that bots that answer each other
// stop. It is a window of a minute.
type guard struct {
	times []time.Time
	muted bool
}

// full reports whether another answer would be one too many.
func (g *guard) full(now time.Time, most int) bool {
	for len(g.times) > 0 && now.Sub(g.times[0]) >= time.Minute {
		g.times = g.times[1:]
	}
	return most > 0 && len(g.times) >= most
}

// take notes an answer, or says that it is one too many; first says that the one before was
// not.
func (g *guard) take(now time.Time, most int) (ok, first bool) {
	if most <= 0 {
		return true, false
	}
	if g.full(now, most) {
		first, g.muted = !g.muted, true
		return false, first
	}
	g.muted = false
	g.times = append(g.times, now)
	return true, false
}
