package delivery

import (
	"sync"
	"testing"

	"stanzahook/pkg/webhook"
)

// No attempt begins while the gate is closed, and the stop does not wait for it; what waited is
// delivered when it opens.
func TestGate(t *testing.T) {
	b := newTestbed(t, nil, func(b *testbed) { b.bot.answer = text("answer") })
	b.close()
	open, asked := make(chan struct{}), make(chan bool, 100)
	gate := func(done <-chan struct{}) bool {
		asked <- true
		select {
		case <-open:
			return true
		case <-done:
			return false
		}
	}
	again := func() {
		b.s = openStore(t, b.dir)
		b.w = newWorker(t, b.e, b.link, b.log)
		b.w.Gate(gate)
		if err := b.w.Open(t.Context(), b.s); err != nil {
			t.Fatal(err)
		}
	}
	again()
	b.put("u")
	<-asked
	b.close()
	again()
	<-asked
	if n := b.bot.count(); n != 0 {
		t.Errorf("%d attempts behind a closed gate", n)
	}
	close(open)
	b.replies(1)
	b.empty()

	w := newWorker(t, endpoint(b.e.URL), b.link, b.log)
	closed := make(chan struct{})
	w.Gate(func(done <-chan struct{}) bool { close(closed); <-done; return false })
	var answered sync.WaitGroup
	answered.Add(1)
	if !w.Request(b.event("u"), func(v webhook.Verdict) {
		if v.Outcome != webhook.Refused {
			t.Errorf("%v", v)
		}
		answered.Done()
	}) {
		t.Fatal("not accepted")
	}
	<-closed
	w.Stop(t.Context())
	answered.Wait()
}
