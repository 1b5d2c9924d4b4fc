package component

import (
	"crypto/rand"
	"slices"
	"strings"
	"sync"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Bounds of what waits to be written or confirmed. Over softBytes callers are refused;
// answers of handlers are accepted up to hardBytes, and then the connection is closed,
// since the server does not read.
const (
	softBytes = 32 << 20
	hardBytes = 64 << 20
	softCount = 50_000
)

// item is one stanza on its way out.
//
// Killed while it is here: it is gone. That loses nothing that was reported as sent: HTTP
// callers have no 202 yet, and the event whose reply this is has not been acknowledged
// and is delivered again.
type item struct {
	xml  string
	kind stanza.Kind
	keep bool        // survives a lost connection; IQs and what SendOnce sends do not
	more bool        // others follow soon: this one may wait for them
	last bool        // an error that was sent when there was to be no other connection
	owed bool        // an error, or the answer to an IQ: nobody else gives it
	done func(error) // called once, not on a lock; may be nil

	breaks int // connections that ended while this item alone was unconfirmed
}

// outgoing is the queue of a link's write side: items that are written and not
// yet confirmed, then items that are not yet written.
type outgoing struct {
	mu      sync.Mutex
	marker  string // full JID that markers go from and to
	self    jid.JID
	items   []*item
	written int // items[:written] are in the socket
	marks   []mark
	seq     uint64
	bytes   int
	// suspects are the items at the front of which one may have made the server
	// close the stream: they go out one by one.
	suspects int
	live     bool        // connected
	may      func() bool // Options.May
	withheld bool        // it does not let items be written
	ended    bool        // only what is owed is taken
	unsent   int         // errors that were sent at the end and found no room
	gather   bool        // the write side waits a moment for more
	breakup  func()
	wake     chan struct{}
	idle     chan struct{} // closed when nothing waits
}

func (q *outgoing) init(domain jid.JID, may func() bool) {
	q.may = may
	q.wake = make(chan struct{}, 1)
	q.self, _ = domain.WithResource(markerPrefix + strings.ToLower(rand.Text())) // letters and digits: always valid
	q.marker = q.self.String()
}

// add queues an item. Limit is softBytes for callers, hardBytes for the reader.
func (q *outgoing) add(it *item, limit int) error {
	q.mu.Lock()
	if q.bytes+len(it.xml) > limit || limit == softBytes && len(q.items) >= softCount {
		if it.last {
			q.unsent++
		}
		breakup := q.breakup
		q.mu.Unlock()
		if limit == hardBytes && breakup != nil {
			breakup()
		}
		return gateway.ErrBusy
	}
	if q.ended && !it.owed {
		q.mu.Unlock()
		return gateway.ErrBusy
	}
	if !it.keep && (!q.live || !it.owed && !q.allows()) { // it would come when nobody waits for it any more
		q.mu.Unlock()
		return gateway.ErrDown
	}
	q.items = append(q.items, it)
	q.bytes += len(it.xml)
	gather := q.gather && it.more || q.withheld && !it.owed
	q.mu.Unlock()
	if !gather {
		q.poke()
	}
	return nil
}

func (q *outgoing) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// connected begins a new connection; nothing of the queue is in its socket.
func (q *outgoing) connected(breakup func()) {
	q.mu.Lock()
	q.live, q.breakup = true, breakup
	q.mu.Unlock()
	q.poke()
}

// end drops what is not written, and takes nothing any more, but for what is owed: the name is another process's by
// now, and what this one writes late would come out of order. No callback is called: whoever waits knows as much as if this
// process were killed.
func (q *outgoing) end() {
	q.mu.Lock()
	q.ended = true
	kept := q.items[:q.written]
	for _, it := range q.items[q.written:] {
		if it.owed {
			kept = append(kept, it)
		} else {
			q.bytes -= len(it.xml)
		}
	}
	clear(q.items[len(kept):])
	q.items, q.suspects = kept, 0 // there is no later connection that they could end
	q.signalIdle()
	q.mu.Unlock()
	q.poke()
}

// allows reports whether items may be written that are not owed.
func (q *outgoing) allows() bool { return q.ended || q.may == nil || q.may() }

// maxBreaks is how many connections may end with one and the same stanza alone
// unconfirmed, without a stream error that says so, until the stanza counts as the
// cause.
const maxBreaks = 10

// disconnected keeps the items that survive a connection, in order, and fails the rest.
// refused is the stream error if the server ended the stream because of what we wrote. If
// one stanza alone was not confirmed, it is the cause: it leaves the queue and is
// returned. If several were not, they are sent one by one next time. Otherwise one bad
// stanza would be sent again with every connection, and end it, for ever.
func (q *outgoing) disconnected(refused error) (rejected *item) {
	q.mu.Lock()
	q.live, q.breakup = false, nil
	if it := q.onlyWritten(); it != nil {
		it.breaks++
		if refused != nil || it.breaks >= maxBreaks {
			rejected = it
			q.items[0] = nil
			q.items = q.items[1:]
			q.bytes -= len(it.xml)
			q.written = 0
		}
	}
	var failed []*item
	kept := q.items[:0]
	q.suspects = 0
	for i, it := range q.items {
		if it.keep {
			kept = append(kept, it)
			if i < q.written {
				q.suspects++
			}
			continue
		}
		failed = append(failed, it)
		q.bytes -= len(it.xml)
	}
	clear(q.items[len(kept):])
	q.items, q.written, q.marks = kept, 0, q.marks[:0]
	q.signalIdle()
	q.mu.Unlock()
	for _, it := range failed {
		it.finish(gateway.ErrDown)
	}
	if rejected != nil {
		rejected.finish(gateway.ErrRejected)
	}
	return rejected
}

// onlyWritten returns the stanza that alone is written and not confirmed, if it would be sent
// again: by the queue, or a message of SendOnce by who gave it. q.mu is held.
func (q *outgoing) onlyWritten() *item {
	if q.written != 1 {
		return nil
	}
	if it := q.items[0]; it.keep || it.kind == stanza.Message {
		return it
	}
	return nil
}

func (it *item) finish(err error) {
	if it.done != nil {
		it.done(err)
	}
}

// wait reports whether every item may wait for what follows that is not written yet, or
// is written and has no marker behind it yet.
func (q *outgoing) wait() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	due := q.items[q.written:]
	if len(q.marks) == 0 {
		due = q.items
	}
	q.gather = q.suspects == 0 && q.written < len(q.items) && !slices.ContainsFunc(due, func(it *item) bool { return !it.more })
	return q.gather
}

// take returns the bytes to write now: the items that are not written yet, and a marker
// if none is open, or if ping is set. While another process may have the name, items are held that are not owed.
func (q *outgoing) take(buf []byte, ping bool, c *Counters) []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.gather = false
	upTo := len(q.items)
	if q.suspects > 0 {
		upTo = 1
	}
	if q.withheld = false; q.written < upTo && !q.allows() {
		q.suspects = 0 // none of them is written
		upTo = q.hold()
	}
	for ; q.written < upTo; q.written++ {
		it := q.items[q.written]
		buf = append(buf, it.xml...)
		if it.xml != "" {
			c.Out[it.kind].Add(1)
		}
	}
	if ping || len(q.marks) == 0 && q.written > 0 {
		buf = q.appendMarker(buf)
		c.Markers.Add(1)
	}
	return buf
}

// hold lets what is owed go before the others, of those that are not written, and returns up to where that is. q.mu is
// held.
func (q *outgoing) hold() int {
	if !slices.ContainsFunc(q.items[q.written:], func(it *item) bool { return it.owed }) {
		q.withheld = true
		return q.written
	}
	var owed, others []*item
	for _, it := range q.items[q.written:] {
		if it.owed {
			owed = append(owed, it)
		} else {
			others = append(others, it)
		}
	}
	q.withheld = len(others) > 0
	copy(q.items[q.written:], append(owed, others...))
	return q.written + len(owed)
}

// withholds reports whether the last take has held items.
func (q *outgoing) withholds() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.withheld
}

// unreturned counts the errors that were sent at the end and are not confirmed, and those of them that are in the
// socket of a connection that lives.
func (q *outgoing) unreturned() (n, written int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n = q.unsent
	for i, it := range q.items {
		if it.last {
			if n++; i < q.written {
				written++
			}
		}
	}
	return n, written
}

func (q *outgoing) signalIdle() {
	if len(q.items) == 0 && q.idle != nil {
		close(q.idle)
		q.idle = nil
	}
}

// whenIdle returns a channel that is closed when the queue is empty.
func (q *outgoing) whenIdle() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.idle == nil {
		q.idle = make(chan struct{})
	}
	ch := q.idle
	q.signalIdle()
	return ch
}
