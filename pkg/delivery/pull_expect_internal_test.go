package delivery

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/webhook"
)

// expect begins to wait for an answer of a user.
func (b *testbed) expect(from string) *Expectation {
	b.t.Helper()
	x, err := b.w.Pull().Expect(jid.MustParse(from), jid.MustParse("echo@bot.example.com"))
	b.must(err)
	b.t.Cleanup(x.Close)
	return x
}

// The answer of one user is taken from among the events of others; it is gone for good, and the
// others are in their order, after a restart too.
func TestExpect(t *testing.T) {
	b := newPulled(t)
	b.put("u1")
	b.stored()
	x := b.expect("u2@example.com")
	if _, err := b.w.Pull().Expect(jid.MustParse("u2@example.com/r"), jid.MustParse("echo@bot.example.com")); !errors.Is(err, gateway.ErrConflict) {
		t.Errorf("%v", err)
	}
	b.put("u3")
	b.put("u2") // the answer
	b.put("u2")
	got, ok, err := x.Next(t.Context())
	if err != nil || !ok || !strings.Contains(string(got.JSON), `"id":"evt_u2-0"`) {
		t.Fatalf("%s %v %v", got.JSON, ok, err)
	}
	b.must(x.Take(t.Context()))
	x.Close()
	rest := func() {
		t.Helper()
		all := b.read("", 3)
		if all[0].id != "evt_u1-0" || all[1].id != "evt_u3-0" || all[2].id != "evt_u2-1" {
			t.Errorf("%+v", all)
		}
	}
	rest()
	if n := b.w.Status().Queued; n != 3 {
		t.Errorf("%d are queued", n)
	}
	b.close()
	b.open()
	rest()
	last := b.read("", 3)[2].cursor
	b.ack(last)
	b.gone()
}

// A reader that waits does not get what somebody waits for, until that wait is over without it:
// then it does.
func TestExpectAndRead(t *testing.T) {
	b := newPulled(t)
	x := b.expect("u1@example.com")
	r, err := b.w.Pull().Read(t.Context(), "")
	b.must(err)
	defer r.Close()
	b.put("u2")
	b.put("u1")
	b.put("u3")
	b.stored()
	if list, err := r.Next(t.Context(), 10, 0); err != nil || len(list) != 1 || !strings.Contains(string(list[0].JSON), "evt_u2-0") {
		t.Errorf("%s %v", list, err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := x.Next(gone); err != nil {
		t.Fatal(err)
	}
	x.Close()
	if list, err := r.Next(t.Context(), 10, time.Minute); err != nil || len(list) != 2 {
		t.Errorf("%d events, %v", len(list), err)
	}
}

// A wait for an answer ends with its endpoint, and begins at none that is disabled.
func TestExpectEnds(t *testing.T) {
	b := newPulled(t)
	b.must(b.w.Disable(t.Context(), "test"))
	if _, err := b.w.Pull().Expect(jid.MustParse("u@example.com"), jid.MustParse("echo@bot.example.com")); !errors.Is(err, ErrDisabled) {
		t.Errorf("%v", err)
	}
	b = newPulled(t)
	x := b.expect("u@example.com")
	time.AfterFunc(time.Millisecond, b.w.Pull().Hangup)
	if _, _, err := x.Next(t.Context()); !errors.Is(err, gateway.ErrStopping) {
		t.Errorf("%v", err)
	}
	if _, err := b.w.Pull().Expect(jid.MustParse("v@example.com"), jid.MustParse("echo@bot.example.com")); !errors.Is(err, gateway.ErrStopping) {
		t.Errorf("%v", err)
	}
}

// What somebody waited for is not shown to a reader that had read it from the disk before the
// other one got it.
func TestExpectedWhileReading(t *testing.T) {
	b := newPulled(t)
	p := b.w.Pull()
	x := b.expect("u2@example.com")
	b.put("u1")
	b.put("u2")
	b.stored()
	p.beginPage()
	list, err := p.page(t.Context(), 0, 10)
	b.must(err)
	b.answered(x, "evt_u2-0")
	if len(list) != 2 || p.isClaimed(&list[0]) || !p.isClaimed(&list[1]) {
		t.Errorf("%d are read", len(list))
	}
	p.endPage()
	if p.isClaimed(&list[1]) {
		t.Error("it is remembered for ever")
	}
}

// roomEvent is an event of a message in a room, or of a private one of an occupant.
func (b *testbed) roomEvent(id, typ, from string, about webhook.Room) {
	b.t.Helper()
	about.JID = "room@rooms.example.com"
	ev := eventOf(b.t, "<message type='"+typ+"' id='"+id+"' from='"+from+"' to='echo@bot.example.com'><body>x</body></message>")
	ev.ID, ev.Room = "evt_"+id, &about
	if !b.give(ev) {
		b.t.Fatal("not taken")
	}
}

// A question to a room is answered in the room, and one to an occupant by that one in private. What
// the bot says itself, and what was said before, answers nothing.
func TestExpectOfRoom(t *testing.T) {
	const room, one, two = "room@rooms.example.com", "room@rooms.example.com/one", "room@rooms.example.com/two"
	b := newPulled(t)
	ofRoom := b.expect(room)
	b.roomEvent("private", "chat", one, webhook.Room{})
	b.roomEvent("own", "groupchat", one, webhook.Room{Own: true})
	b.roomEvent("missed", "groupchat", one, webhook.Room{Missed: true})
	b.roomEvent("answer", "groupchat", one, webhook.Room{})
	b.answered(ofRoom, "evt_answer")
	ofOne, ofTwo := b.expect(one), b.expect(two)
	b.roomEvent("public", "groupchat", two, webhook.Room{})
	b.roomEvent("two", "chat", two, webhook.Room{})
	b.roomEvent("one", "chat", one, webhook.Room{})
	b.answered(ofTwo, "evt_two")
	b.answered(ofOne, "evt_one")
	for i, e := range b.read("", 4) {
		if want := []string{"evt_private", "evt_own", "evt_missed", "evt_public"}[i]; e.id != want {
			t.Errorf("%+v, want %s", e, want)
		}
	}
}

// answered waits for an answer.
func (b *testbed) answered(x *Expectation, id string) {
	b.t.Helper()
	got, ok, err := x.Next(b.t.Context())
	if err != nil || !ok || !strings.Contains(string(got.JSON), `"id":"`+id+`"`) {
		b.t.Fatalf("%s %v %v, want %s", got.JSON, ok, err, id)
	}
	b.must(x.Take(b.t.Context()))
	x.Close()
}

// An answer is an event until it is taken: killed before, the next process has it; the same of
// one whose taking breaks off.
func TestExpectUntaken(t *testing.T) {
	b := newPulled(t)
	x := b.expect("u1@example.com")
	b.put("u1")
	if _, ok, err := x.Next(t.Context()); !ok || err != nil {
		t.Fatal(ok, err)
	}
	b.none("") // nobody else has it yet
	other := b.expect("u1@example.com")
	b.close()
	b.open()
	if all := b.read("", 1); all[0].id != "evt_u1-0" {
		t.Errorf("%+v", all)
	}
	b.ack(b.read("", 1)[0].cursor)

	b.link.withhold = true
	x = b.expect("u@example.com")
	b.putReceipt("r1")
	if _, ok, err := x.Next(t.Context()); !ok || err != nil {
		t.Fatal(ok, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- x.Take(ctx) }()
	b.until("the receipt is sent", func() bool { return len(b.link.all()) == 1 })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	x.Close()
	other.Close()
	if all := b.read("", 1); all[0].id != "evt_r1" {
		t.Errorf("%+v", all)
	}
}
