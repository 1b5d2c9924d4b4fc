package delivery

import "sync"

// maxIdle bounds the goroutines that wait for a function. The stack of one has at most
// 16 KiB, which the garbage collector halves while it waits: 1 MiB in all.
const maxIdle = 64

// Goroutines runs functions, each in a goroutine. Some of those that have ended one wait for
// the next, for their stacks have grown already to what an attempt needs. That costs a new
// goroutine some 3 µs, and where people write now and then, each message needs one.
//
// Workers can share them (see [Worker.Share]). The zero value can be used. Close ends those
// that wait.
type Goroutines struct {
	mu     sync.Mutex
	idle   []chan func() // the last one to wait at the end: its stack is the warmest
	closed bool
}

// run calls do in a goroutine.
func (g *Goroutines) run(do func()) {
	g.mu.Lock()
	n := len(g.idle)
	if n == 0 {
		g.mu.Unlock()
		go g.serve(do)
		return
	}
	next := g.idle[n-1]
	g.idle = g.idle[:n-1]
	g.mu.Unlock()
	next <- do
}

func (g *Goroutines) serve(do func()) {
	next := make(chan func(), 1) // run does not wait
	for do != nil {
		do()
		if !g.keep(next) {
			return
		}
		do = <-next
	}
}

// keep reports whether a goroutine is to wait for its next function.
func (g *Goroutines) keep(next chan func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || len(g.idle) == maxIdle {
		return false
	}
	g.idle = append(g.idle, next)
	return true
}

// Close ends the goroutines that wait, and keeps none from now on. It does not wait for those
// that run a function.
func (g *Goroutines) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	for _, next := range g.idle {
		close(next)
	}
	g.idle = nil
}
