package delivery

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
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
	_, ok, err := x.Next(gone)
	if err != nil {
		t.Fatal(err)
	}
	x.Close()
	want := 2
	if ok { // both were there, and it took the answer
		want = 1
	}
	if list, err := r.Next(t.Context(), 10, time.Minute); err != nil || len(list) != want {
		t.Errorf("%d events, want %d, %v", len(list), want, err)
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
	if _, ok, err := x.Next(t.Context()); !ok || err != nil {
		t.Fatal(ok, err)
	}
	x.Close()
	if len(list) != 2 || p.isClaimed(&list[0]) || !p.isClaimed(&list[1]) {
		t.Errorf("%d are read", len(list))
	}
	p.endPage()
	if p.isClaimed(&list[1]) {
		t.Error("it is remembered for ever")
	}
}
