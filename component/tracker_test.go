package component

import (
	"errors"
	"fmt"
	"testing"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
)

// The table is bounded, and every way out empties it.
func TestTrackerIsBounded(t *testing.T) {
	var tr tracker
	tr.init()
	peer := jid.MustParse("u@example.com/r")
	chans := make([]<-chan answered, maxPending)
	for i := range chans {
		var err error
		if chans[i], err = tr.add(pendingKey{peer, fmt.Sprint(i)}, 1); err != nil {
			t.Fatal(err)
		}
	}
	over := pendingKey{peer, "one more"}
	if _, err := tr.add(over, 1); !errors.Is(err, gateway.ErrBusy) {
		t.Errorf("over the bound: %v", err)
	}
	if !tr.resolve(pendingKey{peer, "0"}, answered{}) || tr.resolve(pendingKey{peer, "0"}, answered{}) {
		t.Error("an answer counts once")
	}
	if _, err := tr.add(over, 1); err != nil {
		t.Errorf("after an answer there is room: %v", err)
	}
	tr.failAll(gateway.ErrDown)
	for i, ch := range chans[1:] {
		if a := <-ch; !errors.Is(a.err, gateway.ErrDown) {
			t.Fatalf("request %d: %v", i+1, a.err)
		}
	}
	if len(tr.pending) != 0 {
		t.Errorf("%d are left", len(tr.pending))
	}
}
