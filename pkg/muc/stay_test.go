package muc_test

import (
	"testing"
	"time"

	"stanzahook/pkg/muc"
)

// Somebody who is there with the same nick after the bot was away may be another one than before.
func TestStayEndsWithTheBots(t *testing.T) {
	const (
		alice = "<presence from='ops@rooms.example.com/Alice' to='echo@bot.example.com/room'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/></x></presence>"
		says  = "<message type='groupchat' from='ops@rooms.example.com/Alice' to='echo@bot.example.com/room'><body>hi</body></message>"
	)
	r := joinedRoom(t, options(), muc.Mark{})
	stay := func() int {
		t.Helper()
		out := r.Receive(began, parsed(says))
		out.Events = append(out.Events, r.Advance(began.Add(time.Minute)).Events...) // nobody answers the question for the archive
		for _, e := range out.Events {
			if e.Kind == muc.Message && e.Occupant.Stay > 0 {
				return e.Occupant.Stay
			}
		}
		t.Fatalf("no message of somebody who is there: %+v", out.Events)
		return 0
	}
	r.Receive(began, parsed(alice))
	first := stay()
	r.Receive(began, parsed(alice))
	if again := stay(); again != first {
		t.Errorf("stay %d, and %d without an end between", first, again)
	}
	r.Disconnected(began)
	r.Connected(began)
	for _, s := range []string{alice, ownPresence, noSubject} {
		r.Receive(began, parsed("%s", s))
	}
	second := stay()
	if second == first {
		t.Errorf("stay %d before and after the bot was away", first)
	}
	r.Receive(began, parsed(alice))
	if again := stay(); again != second {
		t.Errorf("stay %d, and %d without an end between", second, again)
	}
}
