package delivery

import (
	"fmt"
	"sync/atomic"
	"testing"
)

// An endpoint remembers its states, the newest first, and not more than it may.
func TestStates(t *testing.T) {
	var fails atomic.Bool
	fails.Store(true)
	b := newTestbed(t, func(string, int) int {
		if fails.Load() {
			return 503
		}
		return 200
	})
	b.putAll("u")
	b.until("it fails", func() bool { return len(b.w.States()) == 1 })
	fails.Store(false)
	b.until("it is well again", func() bool { return len(b.w.States()) == 2 })
	if s := b.w.States(); s[0].State != "ok" || s[1].State != "failing" || s[1].Reason == "" || s[0].Time.Before(s[1].Time) {
		t.Errorf("%+v", s)
	}
	for n := range maxStates + 3 {
		b.w.tellState("failing", fmt.Sprint(n))
	}
	if s := b.w.States(); len(s) != maxStates || s[0].Reason != fmt.Sprint(maxStates+2) {
		t.Errorf("%d states, %+v", len(s), s[0])
	}
}
