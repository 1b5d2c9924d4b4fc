package replica

import (
	"testing"
	"time"
)

const testFailover = 2 * time.Second

// hand is a replica that is led by hand through what happens.
type hand struct {
	*state
	t *testing.T
}

func newHand(t *testing.T, name string, now time.Time) *hand {
	h := &hand{newState(testFailover, About{Replica: name}, "process "+name, now), t}
	h.beats(now, nil)
	h.found(&record{}, 0, now, now)
	return h
}

// beats lets a beat of it come back at once; others hear it, too.
func (h *hand) beats(now time.Time, others []*hand) {
	b := h.next(now)
	h.hear(&b, now)
	for _, o := range others {
		o.hear(&b, now)
	}
}

// takes lets it begin to take over, and returns what it would write.
func (h *hand) takes(now time.Time) *record {
	h.t.Helper()
	if do := h.decide(now); do != take {
		h.t.Fatalf("action %d, not a takeover", do)
	}
	r := &record{h.about, Format, h.instance, false}
	r.Since = now.UTC()
	return r
}

// The answer to a takeover is lost, and the record tells of it when another one is about to
// take over from the holder that nobody hears: of the two one may go on.
func TestAnswerComesWithTheNextOne(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	a, c := newHand(t, "a", now), newHand(t, "c", now)
	written := a.takes(now)
	a.unanswered(now)
	c.found(written, 5, now, now)
	for end := now.Add(testFailover); now.Before(end); {
		now = now.Add(a.beat())
		a.beats(now, []*hand{c})
		c.beats(now, []*hand{a})
	}
	now = now.Add(time.Millisecond)
	c.takes(now)                  // its request is under way
	a.found(written, 5, now, now) // and a reads its own record of before
	if a.beats(now.Add(time.Millisecond), nil); a.holds(now.Add(time.Millisecond)) {
		t.Error("a may go on while c takes over")
	}
	now = now.Add(2 * time.Millisecond)
	if c.took(6, now); !c.holds(now) {
		t.Error("c may not go on")
	}
	if c.beats(now, []*hand{a}); a.holds(now) || a.known != 6 {
		t.Errorf("a goes on, and knows %d", a.known)
	}
}

// An answer that comes in time makes it the active one, for as long as the others wait at
// least since they can have read the record, unless they are told.
func TestRoleCountsFromItsBeginning(t *testing.T) {
	for name, settle := range map[string]func(s *state, r *record, now time.Time){
		"answered": func(s *state, _ *record, now time.Time) { s.took(5, now) },
		"read":     func(s *state, r *record, now time.Time) { s.unanswered(now); s.found(r, 5, now, now) },
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			for _, row := range []struct {
				after  time.Duration
				active bool
			}{{0, true}, {testFailover / 2, true}, {testFailover * 5 / 8, false}, {testFailover, false}} {
				a := newHand(t, "a", began)
				r := a.takes(began)
				now := began.Add(row.after)
				a.beats(now, nil) // as a standby: it keeps nobody from taking over
				if settle(a.state, r, now); a.holds(now) != row.active {
					t.Errorf("after %v: holds %v", row.after, a.holds(now))
				}
				if late := began.Add(testFailover * 4 / 5); a.holds(late) {
					t.Errorf("after %v: it holds at %v without having told anybody", row.after, testFailover*4/5)
				}
				if a.beats(now, nil); row.active && !a.holds(now.Add(testFailover*4/5-1)) {
					t.Errorf("after %v: it does not hold, and has told everybody", row.after)
				}
			}
		})
	}
}

// The first that a process does after it was frozen is to hear a beat of its own: it may not
// go on by that.
func TestThawedHearsItselfFirst(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	a, b := newHand(t, "a", now), newHand(t, "b", now)
	a.takes(now)
	a.took(5, now)
	a.beats(now, []*hand{b})
	b.beats(now, []*hand{a})
	now = now.Add(5 * time.Second)
	if a.beats(now, nil); a.holds(now) || a.decide(now) != give {
		t.Error("it goes on after it was frozen")
	}
}

// One that was cut off, and knows of no other, is sure of its role when nobody can have a
// request under way any more that began before its beats were heard.
func TestSureAgain(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	a := newHand(t, "a", now)
	r := a.takes(now)
	a.took(5, now)
	now = now.Add(testFailover)
	began := now
	for !a.holds(now) {
		a.beats(now, nil)
		if do := a.decide(now); do == look {
			a.found(r, 5, now, now)
		}
		if now = now.Add(a.beat()); now.Sub(began) > 2*testFailover {
			t.Fatal("it is never sure")
		}
	}
	if took := now.Sub(began); took < testFailover*7/8 {
		t.Errorf("sure after %v", took)
	}
}
