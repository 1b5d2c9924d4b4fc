package webhook

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// slow is a Sender that confirms when it is told to.
type slow struct {
	mu   sync.Mutex
	sent []*stanza.Stanza
	done []func(error)
	busy bool
}

func (s *slow) Send(_ string, x *stanza.Stanza, done func(error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy {
		return ErrBusy
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
	if !b.w.Queued(&Event{ID: "evt_" + id, Component: "bot.example.com", Received: time.Now(), Stanza: s}) {
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
	if err := b.w.Pull().Ack(t.Context(), all[2].cursor); !errors.Is(err, ErrBusy) {
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
	if owing := b.w.pull.owing; len(owing) != 1 {
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
			b := newPulled(t, func(e *Endpoint) { e.MaxAge, e.DropOld = 20*time.Millisecond, drop })
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
			dead, _, err := b.s.DeadLetters(t.Context(), store.Filter{Endpoint: "echo"})
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
		if !b.w.Queued(&Event{ID: fmt.Sprintf("evt_v-%d", i), Component: "bot.example.com", Received: time.Now(), Stanza: s}) {
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
	e := &Endpoint{Kinds: []stanza.Kind{stanza.IQ, stanza.Message}}
	if e.Matches("bot.example.com", s) {
		t.Error("an IQ is for a pulled endpoint")
	}
	if e.URL = "http://127.0.0.1/"; !e.Matches("bot.example.com", s) {
		t.Error("an IQ is not for a webhook")
	}
}
