package component

import (
	"strconv"
	"strings"
	"time"

	"stanzahook/pkg/stanza"
)

// markerPrefix begins the resource of every marker.
const markerPrefix = "stanzahook-"

// mark is a marker that was written and has not come back.
type mark struct {
	seq    uint64
	covers int // outgoing.items[:covers] are confirmed when it comes back
	sent   time.Time
}

// appendMarker writes a marker: a message from and to ourselves that the
// server routes back in the order of the stream. Seen on Prosody 0.12 and
// ejabberd 23.01 and 24.12; an IQ would not do, 24.12 drops those of
// components silently.
func (q *outgoing) appendMarker(buf []byte) []byte {
	q.seq++
	q.marks = append(q.marks, mark{q.seq, q.written, time.Now()})
	buf = stanza.AppendAttr(append(buf, "<message type='normal'"...), "from", q.marker)
	buf = stanza.AppendAttr(buf, "to", q.marker)
	buf = append(buf, " id='"...)
	buf = strconv.AppendUint(buf, q.seq, 10)
	return append(buf, "'/>"...)
}

// marked handles a marker that came back: it confirms what the marker covers. ours says
// that s is a marker of this link; astray, that an earlier one did not come back. As
// servers keep the order of a stream, that one went to another connection.
func (q *outgoing) marked(s *stanza.Stanza, c *Counters) (ours, astray bool) {
	if s.Kind != stanza.Message || s.To != q.self || s.From != q.self {
		return false, false
	}
	seq, err := strconv.ParseUint(s.ID, 10, 64)
	if err != nil {
		return true, false
	}
	q.mu.Lock()
	at := -1
	for i, m := range q.marks {
		if m.seq == seq {
			at = i
		}
	}
	if at < 0 { // of an earlier connection
		q.mu.Unlock()
		return true, false
	}
	n, took := q.marks[at].covers, time.Since(q.marks[at].sent)
	q.marks = append(q.marks[:0], q.marks[at+1:]...)
	for i := range q.marks {
		q.marks[i].covers -= n
	}
	confirmed := append([]*item(nil), q.items[:n]...)
	clear(q.items[:n])
	q.items = q.items[n:]
	q.written -= n
	q.suspects = max(0, q.suspects-n)
	for _, it := range confirmed {
		q.bytes -= len(it.xml)
	}
	more := len(q.items) > 0
	q.signalIdle()
	q.mu.Unlock()
	c.Confirmed.Observe(took)
	if more {
		q.poke() // written meanwhile, and waiting for a marker of their own
	}
	for _, it := range confirmed {
		it.finish(nil)
	}
	return true, at > 0
}

// foreignMarker reports whether s is the marker of another stanzahook.
func foreignMarker(s *stanza.Stanza) bool {
	return s.Kind == stanza.Message && s.From == s.To && strings.HasPrefix(s.To.Resource(), markerPrefix)
}

// waiting returns when the oldest and the newest open marker were sent; zero if there
// are none.
func (q *outgoing) waiting() (oldest, newest time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.marks) == 0 {
		return
	}
	return q.marks[0].sent, q.marks[len(q.marks)-1].sent
}

// forget gives up the open markers; the next one covers everything.
func (q *outgoing) forget() {
	q.mu.Lock()
	q.marks = q.marks[:0]
	q.mu.Unlock()
}
