package delivery

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// slow is a Sender that confirms when it is told to.
type slow struct {
	mu   sync.Mutex
	sent []*stanza.Stanza
	done []func(error)
	busy bool
}

func (s *slow) Send(_ string, x *stanza.Stanza, _ bool, done func(error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy {
		return gateway.ErrBusy
	}
	s.sent, s.done = append(s.sent, x), append(s.done, done)
	return nil
}

func (b *testbed) putReceipt(id string) {
	b.t.Helper()
	s, err := stanza.Parse("<message type='chat' id='"+id+"' from='u@example.com/r' to='echo@bot.example.com'><body>x</body><request xmlns='urn:xmpp:receipts'/></message>", stanza.Limits{})
	if err != nil {
		b.t.Fatal(err)
	}
	if !b.w.Enqueue(&webhook.Event{ID: "evt_" + id, Component: "bot.example.com", Received: time.Now(), Stanza: s}) {
		b.t.Fatal("not taken")
	}
}

func TestPullReceipts(t *testing.T) {
	b := newPulled(t)
	s := &slow{busy: true}
	b.w.sender = s
	b.put("u")
	b.putReceipt("r1")
	b.putReceipt("r2")
	b.stored()
	all := b.read("", 3)
	if err := b.w.Pull().Ack(t.Context(), all[2].cursor); !errors.Is(err, gateway.ErrBusy) {
		t.Fatalf("%v", err)
	}
	if got := b.read("", 2); got[0] != all[1] { // the first needed no receipt
		t.Errorf("%+v", got)
	}
	s.busy = false
	if err := b.w.Pull().Ack(t.Context(), all[2].cursor); err != nil {
		t.Fatal(err)
	}
	b.none("")
	if len(s.sent) != 2 {
		t.Fatalf("%d receipts", len(s.sent))
	}
	x := s.sent[0]
	if _, ok := x.Child("urn:xmpp:receipts", "received"); !ok || x.ID != "evt_r1-receipt" || x.From.String() != "echo@bot.example.com" || x.To.String() != "u@example.com/r" {
		t.Error(x.XML())
	}
	s.done[1](nil)
	if owing := b.w.pull.unconfirmed; len(owing) != 1 {
		t.Errorf("%v", owing)
	}
	// Nothing is removed before its receipt is confirmed: after a kill it comes again.
	if n, err := b.s.Waiting(t.Context()); err != nil || n < 2 {
		t.Errorf("%d are in the store, %v", n, err)
	}
	s.done[0](nil)
	b.gone()
}

func TestPullExpires(t *testing.T) {
	for _, drop := range []bool{false, true} {
		t.Run(fmt.Sprintf("drop %v", drop), func(t *testing.T) {
			b := newPulled(t, func(e *webhook.Endpoint) { e.MaxAge, e.DropOld = 20*time.Millisecond, drop })
			for range 5 {
				b.put("u")
			}
			b.gone()
			want := 5
			if drop {
				want = 0
			}
			if n := b.sink.count(); n != want {
				t.Errorf("%d senders were told", n)
			}
			dead, _, err := b.s.DeadLetters(t.Context(), deliverylog.Filter{Endpoint: "echo"})
			if err != nil || len(dead) != 5 || !strings.Contains(dead[0].Reason, "acknowledged") {
				t.Errorf("%+v %v", dead, err)
			}
			if b.w.Counters.Expired.Load() != 5 || b.w.Counters.Delivered.Load() != 0 {
				t.Error("the counters are wrong")
			}
		})
	}
}

// A page is bounded in events and in bytes, so a backlog of any size needs no
// memory; and it is all acknowledged by one cursor.
func TestPullBacklog(t *testing.T) {
	const small, large = 5000, 60
	b := newPulled(t)
	for range small {
		for !b.put("u") { // the store is slower than this
			time.Sleep(time.Millisecond)
		}
	}
	text := strings.Repeat("x", 100<<10)
	for i := range large {
		s, err := stanza.Parse(fmt.Sprintf("<message id='%d' from='v@example.com' to='echo@bot.example.com'><body>%s</body></message>", i, text), stanza.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if !b.w.Enqueue(&webhook.Event{ID: fmt.Sprintf("evt_v-%d", i), Component: "bot.example.com", Received: time.Now(), Stanza: s}) {
			t.Fatal("not taken")
		}
	}
	b.stored()
	r, err := b.w.Pull().Read(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for total < small+large {
		list, err := r.Next(t.Context(), 1000, time.Minute)
		if err != nil || len(list) == 0 || len(list) > 1000 {
			t.Fatalf("%d after %d, %v", len(list), total, err)
		}
		size := 0
		for _, e := range list {
			size += len(e.JSON)
		}
		if size > 16<<20 {
			t.Errorf("a page has %d bytes", size)
		}
		total += len(list)
	}
	if n := b.w.Status().Queued; n != small+large {
		t.Errorf("%d are queued", n)
	}
	if err := b.w.Pull().Ack(t.Context(), r.Cursor()); err != nil {
		t.Fatal(err)
	}
	b.gone()
}

func TestPullDropAndReplay(t *testing.T) {
	b := newPulled(t)
	b.put("u")
	b.put("u")
	b.put("u")
	b.stored()
	all := b.read("", 3)
	if err := b.w.Drop(t.Context(), all[1].id); err != nil {
		t.Fatal(err)
	}
	if err := b.w.Drop(t.Context(), all[1].id); !errors.Is(err, ErrUnknown) {
		t.Errorf("%v", err)
	}
	if got := b.read("", 2); got[0] != all[0] || got[1] != all[2] {
		t.Errorf("%+v", got)
	}
	if got := b.read(all[1].cursor, 1); got[0] != all[2] { // of what is not there any more
		t.Errorf("%+v", got)
	}
	if err := b.w.Drop(t.Context(), all[0].id); !errors.Is(err, ErrUnknown) {
		t.Errorf("%v", err)
	}
	x := "<message type='chat' id='7' from='u@example.com/r' to='echo@bot.example.com'><body>x</body></message>"
	if err := b.w.Replay(t.Context(), store.Record{ID: "evt_again", Component: "bot.example.com", Received: time.Now(), Stanza: x}); err != nil {
		t.Fatal(err)
	}
	got := b.read("", 2)
	if got[1].id != "evt_again" {
		t.Errorf("%+v", got)
	}
	if err := b.w.Pull().Ack(t.Context(), got[1].cursor); err != nil {
		t.Fatal(err)
	}
	b.gone()
	if _, err := b.w.Test(t.Context(), "bot.example.com", "evt_t"); err == nil {
		t.Error("a test event was sent to nowhere")
	}
}

func TestPullTakesNoIQ(t *testing.T) {
	s, err := stanza.Parse("<iq type='get' id='1' from='u@example.com/r' to='echo@bot.example.com'><ping xmlns='urn:xmpp:ping'/></iq>", stanza.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	e := &webhook.Endpoint{Kinds: []stanza.Kind{stanza.IQ, stanza.Message}}
	if e.Matches("bot.example.com", s) {
		t.Error("an IQ is for a pulled endpoint")
	}
	if e.URL = "http://127.0.0.1/"; !e.Matches("bot.example.com", s) {
		t.Error("an IQ is not for a webhook")
	}
}

// What the store refuses, its sender is told; here, that a conversation has as
// many events waiting as it may.
func TestPullRefuses(t *testing.T) {
	const room, more = 10_000, 20
	b := newPulled(t)
	for range room + more {
		b.until("the store has caught up", func() bool { return b.put("u") })
	}
	b.until("the senders of those that do not fit are told", func() bool { return b.sink.count() == more })
	for id, condition := range b.sink.errors {
		if condition != stanza.ResourceConstraint {
			t.Errorf("%s: %s", id, condition)
		}
	}
	if n := b.w.Status().Queued; n != room {
		t.Errorf("%d are queued", n)
	}
	all := b.read("", room)
	if err := b.w.Pull().Ack(t.Context(), all[room-1].cursor); err != nil {
		t.Fatal(err)
	}
	b.gone()
}

// An endpoint that had a URL before, and now has none, keeps what waits; and
// the other way round.
func TestPullTakesOver(t *testing.T) {
	b := newTestbed(t, func(_ string, n int) int {
		if n < 10 {
			return 503
		}
		return 0
	})
	url, format := b.e.URL, b.e.Format
	for range 10 {
		b.put("u1")
		b.put("u2")
	}
	b.until("an attempt", func() bool { return b.w.Counters.Attempts.Load() > 0 })
	b.close()
	b.e.URL, b.e.Format = "", webhook.FormatEvent
	b.open()
	all := b.read("", 20)
	if err := b.w.Pull().Ack(t.Context(), all[18].cursor); err != nil {
		t.Fatal(err)
	}
	if got := b.read("", 1); got[0] != all[19] {
		t.Errorf("%+v", got)
	}
	b.close()
	b.e.URL, b.e.Format = url, format
	b.bot.status = func(string, int) int { return 0 }
	b.open()
	b.empty()
	if n := b.bot.accepted(); n != 1 {
		t.Errorf("%d were sent", n)
	}
}

// A copy is nobody's to answer for: neither a receipt nor an error is sent.
func TestPullCopy(t *testing.T) {
	b := newPulled(t, func(e *webhook.Endpoint) { e.Copy = true })
	s := &slow{}
	b.w.sender = s
	b.putReceipt("r1")
	b.stored()
	if err := b.w.Pull().Ack(t.Context(), b.read("", 1)[0].cursor); err != nil {
		t.Fatal(err)
	}
	b.gone()
	if len(s.sent) > 0 {
		t.Error(s.sent[0].XML())
	}
}
