package memory

import "math"

// The collector lets the heap grow to twice what was in use at the last collection. Much of what a
// busy process has in use is long-lived and large, the store's files above all: to keep as much
// garbage again costs memory and saves next to no work. So from a heap on that has room enough for
// what comes between two collections, the garbage gets no more.
const (
	// room is how many bytes of garbage there are at a collection; less in a small heap, where
	// Go's own rule holds.
	room = 32 << 20
	// leastPercent is the least garbage, in percent of what is in use: the larger that is, the
	// longer a collection takes.
	leastPercent = 50
	goPercent    = 100 // Go's own rule
)

// Percent returns by how many percent the heap may grow, of what is in use, in bytes, before it is
// collected.
func Percent(live uint64) int {
	return int(math.Max(leastPercent, math.Min(goPercent, float64(room)*100/float64(max(live, 1)))))
}
