package delivery

import (
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/store"
	"stanzahook/pkg/webhook"
)

// bounds are what a queue has in memory at most; the rest of the events are in
// the store only, and are read when their turn comes.
type bounds struct {
	held, bytes int
	ahead       int // of one conversation; of one that fails, only the first
	read        int // from the store at a time
}

var usual = bounds{held: 2000, bytes: 16 << 20, ahead: 1000, read: 64}

// queue delivers the events of an endpoint from memory while they are being
// stored (write-behind). Events of a conversation form a lane: its first
// events are in memory, and where they do not fit the rest stays in the store
// and is read when the lane gets there. So a conversation that is stuck, an
// endpoint that is down, and what a process before us left are one case.
//
// A lane has one event in flight; as many lanes as the endpoint allows are
// worked on at a time. A lane whose event failed waits by itself.
//
// Killed: what the store has said it holds is delivered after the restart, in
// the order of each conversation, with the same ids. What it had not yet
// stored is lost, as if it had still been in the socket.
type queue struct {
	w    *Worker
	disk *store.Queue
	max  bounds

	mu       sync.Mutex
	lanes    map[string]*lane
	sources  map[jid.JID]*source
	ready    turns
	waits    waits
	running  int // runners
	busy     int // of these, those that have a lane
	starting int // of these, those that have not begun
	count    int // events that are not answered
	held     int // of these, in memory
	bytes    int
	closed   bool
	blocked  bool // no attempt may begin until the timer, or resume
	timer    *time.Timer
	wakeAt   time.Time
	swept    time.Time
	runners  sync.WaitGroup
}

func newQueue(w *Worker, disk *store.Queue) *queue {
	q := &queue{w: w, disk: disk, max: usual, lanes: make(map[string]*lane), sources: make(map[jid.JID]*source)}
	q.timer = time.AfterFunc(never, q.wake)
	return q
}

// begin takes over what is in the store.
func (q *queue) begin(backlog map[string]int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for conversation, n := range backlog {
		l := q.lane(conversation, jid.JID{})
		l.tail = n
		q.count += n
		q.place(l)
	}
}

// enqueue takes an event. since is from when its age counts; onStored, if given, is
// called when the event is stored or refused.
func (q *queue) enqueue(ev *webhook.Event, since time.Time, onStored func(error)) error {
	sender := senderOf(q.w.Endpoint(), ev.Stanza.From)
	r := recordOf(ev, sender, since)
	it := &item{Event: ev, since: since, size: len(r.Stanza), onStored: onStored}
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lane(r.Conversation, sender)
	// While the process ends, what still comes is stored for the next one.
	inMemory := !q.closed && l.tail == 0 && q.fits(l)
	err := q.disk.Append(&r, func(seq uint64, err error) { q.onStored(l, it, inMemory, seq, err) })
	if err != nil {
		q.forgetIfDone(l)
		return err
	}
	q.count++
	if inMemory {
		l.storing++
		q.load(l, it)
		q.place(l)
	} else {
		if l.tail == 0 && len(l.mem) == 0 {
			l.oldest = since
		}
		l.tail++
		l.tailStoring++
	}
	return nil
}

// fits reports whether one more event of a lane may be in memory: of the lane, and
// of its sender.
func (q *queue) fits(l *lane) bool {
	return mayTake(l.of.held, q.max.held-q.held) && mayTake(l.of.bytes, q.max.bytes-q.bytes) && len(l.mem) < q.max.ahead && (l.fails == 0 || len(l.mem) == 0)
}

func (q *queue) load(l *lane, it *item) {
	l.mem = append(l.mem, it)
	q.held++
	q.bytes += it.size
	l.of.held++
	l.of.bytes += it.size
}

func (q *queue) unload(l *lane, it *item) {
	q.held--
	q.bytes -= it.size
	l.of.held--
	l.of.bytes -= it.size
}

// onStored learns what became of storing an event.
func (q *queue) onStored(l *lane, it *item, inMemory bool, seq uint64, err error) {
	q.mu.Lock()
	refused := false
	if inMemory {
		l.storing--
		if err == nil {
			it.seq, it.state = seq, stored
			l.last = max(l.last, seq)
		} else {
			it.state = unstored
			refused = !it.begun && q.withdraw(l, it) // else the attempt decides
		}
		q.ack(l)
	} else {
		l.tailStoring--
		if err != nil {
			l.tail--
			q.count--
			refused = true
		}
	}
	q.place(l)
	q.mu.Unlock()
	if err != nil {
		q.w.unstored(it, err, refused)
	} else if q.w.tracing() {
		q.w.trace("an event is stored", it.Event, zap.Uint64("place", seq))
	}
	if it.onStored != nil {
		it.onStored(err)
	}
}

// withdraw takes an event out of a lane.
func (q *queue) withdraw(l *lane, it *item) bool {
	for i, other := range l.mem {
		if other == it {
			l.mem = append(l.mem[:i:i], l.mem[i+1:]...)
			q.unload(l, it)
			q.count--
			return true
		}
	}
	return false
}

func (q *queue) lane(conversation string, sender jid.JID) *lane {
	l := q.lanes[conversation]
	if l == nil {
		l = &lane{conversation: conversation, of: q.source(sender)}
		q.lanes[conversation] = l
	}
	return l
}

// place puts an idle lane where it belongs: in the list of the ready, or away.
func (q *queue) place(l *lane) {
	if l.state == idle && l.workable() {
		l.state = ready
		q.ready.push(l)
		q.spawn()
		return
	}
	q.forgetIfDone(l)
}

func (q *queue) forgetIfDone(l *lane) {
	if l.done() && q.lanes[l.conversation] == l {
		delete(q.lanes, l.conversation)
		q.unused(l.of)
	}
}

// ack acknowledges finished events to the store in conversation order.
func (q *queue) ack(l *lane) {
	for len(l.trail) > 0 && l.trail[0].confirmed && l.trail[0].state != storing {
		it := l.trail[0]
		l.trail[0] = nil
		if l.trail = l.trail[1:]; len(l.trail) == 0 {
			l.trail = nil
		}
		if it.state == stored {
			q.disk.Ack(l.conversation, it.seq)
		}
	}
}

// onConfirmed is called when an event is finished: the server has what was to be sent.
func (q *queue) onConfirmed(l *lane, it *item) {
	if q.w.tracing() {
		q.w.trace("an event is over", it.Event)
	}
	q.mu.Lock()
	it.confirmed = true
	q.ack(l)
	q.forgetIfDone(l)
	q.mu.Unlock()
}

// close lets no runner take another lane, and waits for them.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.timer.Stop()
	q.mu.Unlock()
	q.runners.Wait()
}
