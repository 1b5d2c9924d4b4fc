package delivery

import (
	"container/heap"
	"time"

	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// item is an event in the queue.
type item struct {
	*webhook.Event
	since     time.Time // its age counts from
	seq       uint64    // its place in the store, when stored
	state     itemState
	read      bool // from the store
	begun     bool // an attempt was made, or is under way
	n         int  // the number of that attempt
	confirmed bool // finished: the server has confirmed what was sent for it
	size      int
	onStored  func(error)   // called when it is stored, or finished without that, or refused; may be nil
	ended     bool          // it is in no lane any more
	lost      error         // ended neither stored nor finished; onStored gets it
	settled   chan struct{} // closed then; nil: nobody waits for it
}

type itemState uint8

const (
	storing itemState = iota
	stored
	unstored // the store has refused it
)

// lane is the queue of one conversation: its first events are in memory, the others
// only in the store. Its fields belong to the queue's mutex.
type lane struct {
	conversation string
	of           *source
	state        laneState
	mem          []*item
	storing      int    // of mem and trail: not stored or refused yet
	tail         int    // events that are only in the store
	tailStoring  int    // of these: not stored or refused yet
	last         uint64 // the last place that was in memory

	flight int // of mem: in the request under way, with endpoints that get several
	single int // so many of the next events go alone: a request with them together failed

	trail []*item // finished but for ack, in order

	late   []*item // of a queue that is handed over: they wait for the events in the store
	handed bool    // of such a queue: events of the conversation go on to another endpoint

	// of the first event
	history []deliverylog.Attempt
	fails   int
	alone   int       // of these, those while others of the endpoint succeeded
	failed  time.Time // the last of them
	until   time.Time // of a lane that waits

	oldest time.Time // without mem: no event is older; zero: unknown
	index  int       // in the heap of those that wait
}

type laneState uint8

const (
	idle    laneState = iota
	ready             // in the list of those with something to do
	busy              // a runner has it
	waiting           // until a time
)

// done reports whether nothing of a lane is left.
func (l *lane) done() bool {
	return l.state == idle && len(l.mem) == 0 && l.tail == 0 && len(l.trail) == 0 && l.storing == 0 && l.tailStoring == 0
}

// workable reports whether there is an event to deliver, in memory or in the store.
func (l *lane) workable() bool {
	return len(l.mem) > 0 || l.tail > l.tailStoring && l.storing == 0
}

// busyWith reports whether a runner has the event at a place in memory.
func (l *lane) busyWith(i int) bool { return l.state == busy && i >= 0 && i < max(1, l.flight) }

// pop moves the first event to the trail: it was answered or given up.
func (l *lane) pop() {
	l.trail = append(l.trail, l.mem[0])
	l.mem[0] = nil
	if l.mem = l.mem[1:]; len(l.mem) == 0 {
		l.mem = nil
	}
	l.single = max(0, l.single-1)
	l.renew()
}

// renew forgets the failures: another event is the first.
func (l *lane) renew() { l.history, l.fails, l.alone, l.failed = nil, 0, 0, time.Time{} }

// maxHistory bounds the attempts that are remembered of one event: the first
// and the latest.
const maxHistory = 50

// remember keeps a failed attempt of the first event; nil is none.
func (l *lane) remember(a *deliverylog.Attempt) {
	if a == nil {
		return
	}
	if len(l.history) == maxHistory {
		l.history = append(l.history[:1], l.history[2:]...)
	}
	l.history = append(l.history, *a)
}

// waits are lanes by the time until which they wait.
type waits []*lane

func (w waits) Len() int           { return len(w) }
func (w waits) Less(i, j int) bool { return w[i].until.Before(w[j].until) }
func (w waits) Swap(i, j int) {
	w[i], w[j] = w[j], w[i]
	w[i].index, w[j].index = i, j
}
func (w *waits) Push(x any) {
	l, _ := x.(*lane) // by add only
	l.index = len(*w)
	*w = append(*w, l)
}
func (w *waits) Pop() any {
	old := *w
	l := old[len(old)-1]
	old[len(old)-1] = nil
	*w = old[:len(old)-1]
	return l
}

func (w *waits) add(l *lane)    { heap.Push(w, l) }
func (w *waits) remove(l *lane) { heap.Remove(w, l.index) }
