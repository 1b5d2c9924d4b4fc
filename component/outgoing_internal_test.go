package component

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"stanzahook/pkg/gateway"
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

// takeNames returns what a take writes, but for its marker.
func (q *outgoing) takeNames(c *Counters) string {
	text, _, _ := strings.Cut(string(q.take(nil, false, c)), "<message type='normal'")
	return text
}

// What is owed goes before what is withheld; when that may be written, it is in its order, and each marker confirms what
// was written before it.
func TestOutgoingWithholds(t *testing.T) {
	var q outgoing
	may := true
	q.init(jid.MustParse("bot.example.com"), func() bool { return may })
	q.connected(func() {})
	var c Counters
	confirmed := ""
	add := func(name string, keep, owed bool) error {
		return q.add(&item{xml: name, keep: keep, owed: owed, done: func(error) { confirmed += name }}, softBytes)
	}
	comes := func(marker int) {
		s := stanza.Must(stanza.Parse(fmt.Sprintf("<message from='%s' to='%[1]s' id='%d'/>", q.marker, marker), stanza.Limits{}))
		q.marked(s, &c)
	}
	takes := func(want string, withheld bool) {
		t.Helper()
		if got := q.takeNames(&c); got != want || q.withholds() != withheld {
			t.Errorf("%q is written, withheld %v, want %q, %v", got, q.withholds(), want, withheld)
		}
	}
	_ = add("a", true, false)
	takes("a", false)
	may = false
	for i, name := range []string{"b", "C", "d", "E"} {
		_ = add(name, true, i%2 == 1)
	}
	if err := add("iq", false, false); !errors.Is(err, gateway.ErrDown) {
		t.Errorf("an IQ that would come late: %v", err)
	}
	takes("CE", true)
	takes("", true)
	if comes(1); confirmed != "a" {
		t.Errorf("the first marker confirms %q", confirmed)
	}
	takes("", true) // but a marker for what is owed
	_ = add("F", true, true)
	takes("F", true)
	may = true
	takes("bd", false)
	if comes(2); confirmed != "aCE" {
		t.Errorf("the second marker confirms %q", confirmed)
	}
	takes("", false)
	if comes(3); confirmed != "aCEFbd" || q.bytes != 0 {
		t.Errorf("the third marker confirms %q, %d bytes are left", confirmed, q.bytes)
	}
}

// At the end what is not written is dropped, but for what is owed, which goes out together, also after a connection that
// has ended with several unconfirmed.
func TestOutgoingEnds(t *testing.T) {
	var q outgoing
	q.init(jid.MustParse("bot.example.com"), func() bool { return false })
	var c Counters
	for _, name := range []string{"a", "b", "c"} {
		_ = q.add(&item{xml: name, keep: true}, softBytes)
	}
	q.may = nil
	q.connected(func() {})
	q.take(nil, false, &c)
	q.disconnected(nil)
	q.connected(func() {})
	q.take(nil, false, &c) // the first one alone
	_ = q.add(&item{xml: "D", keep: true, owed: true}, softBytes)
	q.end()
	_ = q.add(&item{xml: "E", owed: true}, softBytes)
	for _, keep := range []bool{true, false} {
		if err := q.add(&item{xml: "f", keep: keep}, softBytes); !errors.Is(err, gateway.ErrBusy) {
			t.Errorf("what is not owed: %v", err)
		}
	}
	if got := q.takeNames(&c); got != "DE" || q.bytes != len("aDE") {
		t.Errorf("%q is written, %d bytes are there", got, q.bytes)
	}
}
