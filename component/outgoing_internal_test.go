package component

import (
	"fmt"
	"testing"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// What others will follow waits for them, until one comes that nothing follows.
func TestOutgoingGathers(t *testing.T) {
	var q outgoing
	q.init(jid.MustParse("bot.example.com"), nil)
	q.connected(func() {})
	woken := func() bool {
		select {
		case <-q.wake:
			return true
		default:
			return false
		}
	}
	add := func(more bool) {
		t.Helper()
		if err := q.add(&item{xml: "<message/>", kind: stanza.Message, keep: true, more: more}, softBytes); err != nil {
			t.Fatal(err)
		}
	}
	woken()
	if q.wait() {
		t.Error("the write side waits with nothing to write")
	}
	add(true)
	if !woken() || !q.wait() {
		t.Error("the first one does not wake the write side, or may not wait")
	}
	add(true)
	if woken() || !q.wait() {
		t.Error("a second one wakes the write side, or may not wait")
	}
	add(false)
	if !woken() || q.wait() {
		t.Error("one that nothing follows does not wake the write side, or waits")
	}
	var c Counters
	if q.take(nil, false, &c); c.Out[stanza.Message].Load() != 3 {
		t.Errorf("%d of 3 are written", c.Out[stanza.Message].Load())
	}
	if add(true); !woken() || !q.wait() {
		t.Error("after a write one does not wake the write side, or may not wait")
	}
	// A marker is open; another stanza that somebody waits for has none behind it yet.
	add(false)
	q.take(nil, false, &c)
	add(true)
	if woken(); !q.wait() {
		t.Error("with a marker open one may not wait")
	}
	marker := fmt.Sprintf("<message from='%s' to='%s' id='1'/>", q.marker, q.marker)
	s := stanza.Must(stanza.Parse(marker, stanza.Limits{}))
	if ours, _ := q.marked(s, &c); !ours || len(q.marks) != 0 {
		t.Fatalf("%s is no marker, or %d are open", marker, len(q.marks))
	}
	if !woken() || q.wait() {
		t.Error("the marker of a stanza that somebody waits for, waits")
	}
	q.take(nil, false, &c)
	q.disconnected(nil) // what was written are suspects now
	q.connected(func() {})
	if !woken() || q.wait() {
		t.Error("a new connection does not wake the write side, or suspects wait")
	}
}
