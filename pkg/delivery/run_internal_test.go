package delivery

import (
	"testing"
	"time"

	"stanzahook/pkg/webhook"
)

// A probe is due, and the only lane that was ready is being swept.
func TestProbeWithoutLane(t *testing.T) {
	b := newTestbed(t, func(string, int) int { return 0 }, func(*webhook.Endpoint) {})
	q, h := b.w.queue, &b.w.breaker
	h.mu.Lock()
	h.open, h.probeAt = true, time.Now().Add(-time.Second)
	h.mu.Unlock()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ready.push(&lane{state: busy, of: &source{}})
	if l, _ := q.next(); l != nil {
		t.Errorf("lane %+v", l)
	}
	if ok, probe, _ := h.allow(time.Now()); !ok || !probe {
		t.Errorf("the next probe: %t, %t", ok, probe)
	}
}
