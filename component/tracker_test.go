package component

import (
	"errors"
	"fmt"
	"testing"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
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

// A request with several answers ends with the last one, or when the server has handled it
// and one has come.
func TestSeveralAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		do   func(*tracker, pendingKey)
		want string // a letter for each: an answer, handled, error
	}{
		"all":               {func(tr *tracker, k pendingKey) { answers(tr, k, 3) }, "aaa"},
		"too many":          {func(tr *tracker, k pendingKey) { answers(tr, k, 5) }, "aaa"},
		"fewer":             {func(tr *tracker, k pendingKey) { answers(tr, k, 2); tr.handled(k); answers(tr, k, 1) }, "aah"},
		"none but after it": {func(tr *tracker, k pendingKey) { tr.handled(k); answers(tr, k, 3) }, "a"},
		"the link is lost":  {func(tr *tracker, k pendingKey) { answers(tr, k, 1); tr.failAll(gateway.ErrDown) }, "ae"},
		"it takes too long": {func(tr *tracker, k pendingKey) {
			answers(tr, k, 2)
			tr.resolve(k, answered{err: gateway.ErrDown})
			tr.handled(k)
		}, "aae"},
		"all, and then handled": {func(tr *tracker, k pendingKey) { answers(tr, k, 3); tr.handled(k); tr.failAll(gateway.ErrDown) }, "aaa"},
	} {
		var tr tracker
		tr.init()
		k := pendingKey{jid.MustParse("u@example.com"), "1"}
		ch, err := tr.add(k, 3)
		if err != nil {
			t.Fatal(err)
		}
		tc.do(&tr, k)
		got := ""
		for len(ch) > 0 {
			a := <-ch
			switch {
			case a.err != nil:
				got += "e"
			case a.stanza != nil:
				got += "a"
			default:
				got += "h"
			}
			if a.last != (len(ch) == 0) {
				t.Errorf("%s: last is %v, and %d follow", name, a.last, len(ch))
			}
		}
		if got != tc.want || len(tr.pending) != 0 {
			t.Errorf("%s: %q, want %q; %d wait", name, got, tc.want, len(tr.pending))
		}
	}
}

func answers(tr *tracker, k pendingKey, n int) {
	for range n {
		tr.resolve(k, answered{stanza: &stanza.Stanza{}})
	}
}
