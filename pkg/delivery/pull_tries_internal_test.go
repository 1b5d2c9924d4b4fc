package delivery

import (
	"testing"

	"stanzahook/pkg/store/deliverylog"
)

// What was read twice was tried twice; what is acknowledged is forgotten.
func TestPullTries(t *testing.T) {
	b := newPulled(t)
	for range 3 {
		b.put("u")
	}
	b.stored()
	b.read("", 2)
	all := b.read("", 3)
	if err := b.w.Pull().Ack(t.Context(), all[2].cursor); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{2, 2, 1} {
		var d deliverylog.Delivery
		b.until("the log has it", func() (ok bool) {
			var err error
			d, err = b.s.DeliveryLog().Get(t.Context(), all[i].id)
			return err == nil && d.State == deliverylog.Delivered
		})
		if len(d.Attempts) != want || d.Attempts[0].Time.IsZero() || d.Attempts[0].Error != "" {
			t.Errorf("event %d: %+v", i, d.Attempts)
		}
	}
	if n := len(b.w.pull.handouts); n != 0 {
		t.Errorf("%d pages are remembered", n)
	}
}

// A reader that never acknowledges costs no memory.
func TestPullHandoutsAreBounded(t *testing.T) {
	p := &Puller{}
	for i := range uint64(3 * maxHandouts) {
		p.handedOut(i, i+1)
	}
	if len(p.handouts) != maxHandouts || len(p.tries(3*maxHandouts)) != 1 || len(p.tries(1)) != 0 {
		t.Errorf("%d", len(p.handouts))
	}
}
