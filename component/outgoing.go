package component

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Bounds of what waits to be written or confirmed. Over softBytes callers are
// refused; what handlers answer is taken up to hardBytes, and then the
// connection is closed: a server that does not read is no server.
const (
	softBytes = 32 << 20
	hardBytes = 64 << 20
	softCount = 50_000
)

// Errors of sending.
var (
	ErrDown        = errors.New("no connection to the XMPP server")
	ErrBusy        = errors.New("too many stanzas wait for the XMPP server")
	ErrUnconfirmed = errors.New("the XMPP server has not confirmed the stanza in time; it may arrive or not")
)

// item is one stanza on its way out.
//
// Killed while it is here: it is gone. What was told to nobody is lost to
// nobody: HTTP callers have no 202 yet, and the event whose reply this is has
// not been acknowledged and is delivered again.
type item struct {
	xml  string
	kind stanza.Kind
	keep bool        // survives a lost connection; IQs do not
	done func(error) // called once, not on a lock; may be nil
}

// outgoing is the queue of a link's write side: items that are written and not
// yet confirmed, then items that are not yet written.
type outgoing struct {
	mu      sync.Mutex
	marker  string // full JID that markers go from and to
	self    jid.JID
	items   []*item
	written int // items[:written] are in the socket
	covers  int // items[:covers] are confirmed when the open marker comes back
	open    uint64
	opened  time.Time
	seq     uint64
	bytes   int
	live    bool // connected
	breakup func()
	wake    chan struct{}
	idle    chan struct{} // closed when nothing waits
}

func (q *outgoing) init(domain jid.JID) {
	q.wake = make(chan struct{}, 1)
	q.self, _ = domain.WithResource(markerPrefix + strings.ToLower(rand.Text())) // letters and digits: always valid
	q.marker = q.self.String()
}

// add queues an item. Limit is softBytes for callers, hardBytes for the reader.
func (q *outgoing) add(it *item, limit int) error {
	q.mu.Lock()
	if q.bytes+len(it.xml) > limit || limit == softBytes && len(q.items) >= softCount {
		breakup := q.breakup
		q.mu.Unlock()
		if limit == hardBytes && breakup != nil {
			breakup()
		}
		return ErrBusy
	}
	if !q.live && !it.keep {
		q.mu.Unlock()
		return ErrDown
	}
	q.items = append(q.items, it)
	q.bytes += len(it.xml)
	q.mu.Unlock()
	q.poke()
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

// disconnected keeps what survives a connection, in order, and fails the rest.
func (q *outgoing) disconnected() {
	q.mu.Lock()
	q.live, q.breakup = false, nil
	q.written, q.covers, q.open = 0, 0, 0
	var failed []*item
	kept := q.items[:0]
	for _, it := range q.items {
		if it.keep {
			kept = append(kept, it)
			continue
		}
		failed = append(failed, it)
		q.bytes -= len(it.xml)
	}
	clear(q.items[len(kept):])
	q.items = kept
	q.signalIdle()
	q.mu.Unlock()
	for _, it := range failed {
		it.finish(ErrDown)
	}
}

func (it *item) finish(err error) {
	if it.done != nil {
		it.done(err)
	}
}

// take returns the bytes to write now: what is not written yet, and a marker
// if none is open. Ping asks for a marker even if nothing waits for one.
func (q *outgoing) take(buf []byte, ping bool, c *Counters) []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, it := range q.items[q.written:] {
		buf = append(buf, it.xml...)
		c.Out[it.kind].Add(1)
	}
	q.written = len(q.items)
	if q.open == 0 && (ping || q.written > 0) {
		q.seq++
		q.open, q.covers, q.opened = q.seq, q.written, time.Now()
		buf = q.appendMarker(buf)
		c.Markers.Add(1)
	}
	return buf
}

// appendMarker writes a marker: a message from and to ourselves that the
// server routes back in the order of the stream. Seen on Prosody 0.12 and
// ejabberd 23.01 and 24.12; an IQ would not do, 24.12 drops those of
// components silently.
func (q *outgoing) appendMarker(buf []byte) []byte {
	buf = stanza.AppendAttr(append(buf, "<message type='normal'"...), "from", q.marker)
	buf = stanza.AppendAttr(buf, "to", q.marker)
	buf = append(buf, " id='"...)
	buf = strconv.AppendUint(buf, q.open, 10)
	return append(buf, "'/>"...)
}

// marked takes a marker that came back and confirms what it covers. It reports
// whether s was a marker of this process at all.
func (q *outgoing) marked(s *stanza.Stanza) bool {
	if s.Kind != stanza.Message || s.To != q.self || s.From != q.self {
		return false
	}
	q.mu.Lock()
	if s.ID != strconv.FormatUint(q.open, 10) || q.open == 0 {
		q.mu.Unlock()
		return true // of an earlier connection
	}
	confirmed := make([]*item, q.covers)
	n := copy(confirmed, q.items)
	clear(q.items[:n])
	q.items = q.items[n:]
	q.written -= n
	q.covers, q.open = 0, 0
	for _, it := range confirmed {
		q.bytes -= len(it.xml)
	}
	more := len(q.items) > 0
	q.signalIdle()
	q.mu.Unlock()
	if more {
		q.poke() // written meanwhile, and waiting for a marker of their own
	}
	for _, it := range confirmed {
		it.finish(nil)
	}
	return true
}

// markerPrefix begins the resource of every marker.
const markerPrefix = "stanzahook-"

// foreignMarker reports whether s is the marker of another stanzahook.
func foreignMarker(s *stanza.Stanza) bool {
	return s.Kind == stanza.Message && s.From == s.To && strings.HasPrefix(s.To.Resource(), markerPrefix)
}

// waiting returns since when a marker is open; zero if none is.
func (q *outgoing) waiting() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.open == 0 {
		return time.Time{}
	}
	return q.opened
}

// again forgets the open marker, so that the next write sends a new one.
func (q *outgoing) again() {
	q.mu.Lock()
	q.open = 0
	q.mu.Unlock()
	q.poke()
}

func (q *outgoing) signalIdle() {
	if len(q.items) == 0 && q.idle != nil {
		close(q.idle)
		q.idle = nil
	}
}

// whenIdle returns a channel that is closed when nothing waits any more.
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

// checkOutgoing refuses what would make the server close the stream: a foreign
// from (both servers), a missing to (ejabberd), more bytes than it takes.
func (l *Link) checkOutgoing(s *stanza.Stanza) error {
	if s.From.Domain() != l.o.Domain.Domain() {
		return fmt.Errorf("from: %q is not in the component's domain %s", s.From, l.o.Domain)
	}
	if s.To.IsZero() {
		return errors.New("to: missing")
	}
	if foreignMarker(s) {
		return fmt.Errorf("to: resources that begin with %q are the link's own", markerPrefix)
	}
	if n, limit := len(s.XML()), l.o.Limits.Max(); n > limit {
		return fmt.Errorf("the stanza has %d bytes; max_stanza_bytes of %s allows %d", n, l.o.Domain, limit)
	}
	return nil
}
