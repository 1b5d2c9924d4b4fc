package delivery

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

func (b *testbed) putReceipt(id string) {
	b.t.Helper()
	ev := eventOf(b.t, "<message type='chat' id='"+id+"' from='u@example.com/r' to='echo@bot.example.com'><body>x</body><request xmlns='urn:xmpp:receipts'/></message>")
	ev.ID = "evt_" + id
	if !b.give(ev) {
		b.t.Fatal("not taken")
	}
}

func TestPullReceipts(t *testing.T) {
	b := newPulled(t)
	s := b.link
	s.busy, s.withhold = 1, true
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
	b.ack(all[2].cursor)
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
	if n, err := b.s.Queues().Waiting(t.Context()); err != nil || n < 2 {
		t.Errorf("%d are in the store, %v", n, err)
	}
	s.done[0](nil)
	b.gone()
}

func TestPullExpires(t *testing.T) {
	for _, drop := range []bool{false, true} {
		t.Run(fmt.Sprintf("drop %v", drop), func(t *testing.T) {
			b := newPulled(t, func(b *testbed) { b.e.MaxAge, b.e.DropOld = 20*time.Millisecond, drop })
			for range 5 {
				b.put("u")
			}
			b.gone()
			want := 5
			if drop {
				want = 0
			}
			if n := b.link.failed(); n != want {
				t.Errorf("%d senders were told", n)
			}
			dead, _, err := b.s.DeadLetters().List(t.Context(), deliverylog.Filter{Endpoint: "echo"})
			if err != nil || len(dead) != 5 || !strings.Contains(dead[0].Reason, "acknowledged") {
				t.Errorf("%+v %v", dead, err)
			}
			if b.w.Counters.Expired.Load() != 5 || b.w.Counters.Delivered.Load() != 0 {
				t.Error("the counters are wrong")
			}
		})
	}
}

// While the link is full an expired event stays first, with the one dead letter that it has;
// an acknowledgement that comes now finds it given up.
func TestPullExpiresWhileTheLinkIsFull(t *testing.T) {
	for _, acknowledged := range []bool{false, true} {
		t.Run(fmt.Sprintf("acknowledged %v", acknowledged), func(t *testing.T) {
			b := newPulled(t)
			b.link.busy = 3
			b.put("u")
			b.stored()
			cursor := b.read("", 1)[0].cursor
			e := *b.e
			e.MaxAge = time.Nanosecond
			b.must(b.w.Reconfigure(&e))
			for range 3 {
				if _, err := b.w.pull.expireAll(t.Context()); !errors.Is(err, gateway.ErrBusy) {
					t.Errorf("the link is full: %v", err)
				}
			}
			if acknowledged {
				b.ack(cursor)
			} else if _, err := b.w.pull.expireAll(t.Context()); err != nil {
				t.Error(err)
			}
			b.gone()
			c := &b.w.Counters
			if c.Dead.Load() != 1 || c.Expired.Load() != 1 || c.Delivered.Load() != 0 || b.link.failed() != 1 {
				t.Errorf("%d dead letters, %d expired, %d delivered, %d senders were told", c.Dead.Load(), c.Expired.Load(), c.Delivered.Load(), b.link.failed())
			}
		})
	}
}

// A page is bounded in events and in bytes, so a backlog of any size needs no
// memory; and it is all acknowledged by one cursor.
func TestPullBacklog(t *testing.T) {
	const small, large = 2500, 60
	b := newPulled(t)
	for range small {
		b.putAll("u")
	}
	text := strings.Repeat("x", 100<<10)
	for i := range large {
		ev := eventOf(t, fmt.Sprintf("<message id='%d' from='v@example.com' to='echo@bot.example.com'><body>%s</body></message>", i, text))
		ev.ID = fmt.Sprintf("evt_v-%d", i)
		if !b.give(ev) {
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
	b.ack(r.Cursor())
	b.gone()
}

func TestPullDropAndReplay(t *testing.T) {
	b := newPulled(t)
	b.put("u")
	b.put("u")
	b.put("u")
	b.stored()
	all := b.read("", 3)
	b.must(b.w.Drop(t.Context(), all[1].id))
	if err := b.w.Drop(t.Context(), all[1].id); !errors.Is(err, errUnknown) {
		t.Errorf("%v", err)
	}
	if got := b.read("", 2); got[0] != all[0] || got[1] != all[2] {
		t.Errorf("%+v", got)
	}
	if got := b.read(all[1].cursor, 1); got[0] != all[2] { // of what is not there any more
		t.Errorf("%+v", got)
	}
	if err := b.w.Drop(t.Context(), all[0].id); !errors.Is(err, errUnknown) {
		t.Errorf("%v", err)
	}
	x := "<message type='chat' id='7' from='u@example.com/r' to='echo@bot.example.com'><body>x</body></message>"
	b.must(b.w.Replay(t.Context(), store.Record{ID: "evt_again", Component: domain, Received: time.Now(), Stanza: x}))
	got := b.read("", 2)
	if got[1].id != "evt_again" {
		t.Errorf("%+v", got)
	}
	b.ack(got[1].cursor)
	b.gone()
	if _, err := b.w.Test(t.Context(), "bot.example.com", "evt_t", webhook.Like{}); err == nil {
		t.Error("a test event was sent to nowhere")
	}
}

// An endpoint that loses its URL, or gets one, keeps its waiting events.
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
	b.ack(all[18].cursor)
	if got := b.read("", 1); got[0] != all[19] {
		t.Errorf("%+v", got)
	}
	b.close()
	b.e.URL, b.e.Format = url, format
	b.bot.status = nil
	b.open()
	b.empty()
	if n := b.bot.accepted(); n != 1 {
		t.Errorf("%d were sent", n)
	}
}

// A copy sends neither a receipt nor an error.
func TestPullCopy(t *testing.T) {
	b := newPulled(t, func(b *testbed) { b.e.Copy = true })
	b.putReceipt("r1")
	b.stored()
	b.ack(b.read("", 1)[0].cursor)
	b.gone()
	if sent := b.link.all(); len(sent) > 0 {
		t.Error(sent[0].XML())
	}
}
