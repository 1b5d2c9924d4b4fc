package muc_test

import (
	"fmt"
	"testing"
	"time"

	"stanzahook/pkg/muc"
)

const private = "<message type='chat' from='ops@rooms.example.com/%s' to='echo@bot.example.com/room'><body>%s</body></message>"

func bodies(out muc.Output) (all []string) {
	for _, e := range out.Events {
		if e.Kind == muc.Private {
			body, _ := e.Stanza.Body()
			all = append(all, body)
		}
	}
	return all
}

// What people say to the bot alone is not lost while it joins or waits.
func TestPrivateMessageBeforeTheBotIsIn(t *testing.T) {
	r := joinedRoom(t, options(), muc.Mark{})
	r.Receive(began, parsed("<presence from='ops@rooms.example.com/Alice' to='echo@bot.example.com/room'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='owner' role='moderator'/></x></presence>"))
	r.Disconnected(began)
	out := r.Receive(began, parsed(private, "Alice", "one"))
	if got := fmt.Sprint(bodies(out)); got != "[one]" {
		t.Fatalf("while it waits: %s", got)
	}
	if who := out.Events[0].Occupant; who.Affiliation != "" { // another one may have the nick now
		t.Errorf("of an earlier stay: %+v", who)
	}
	r.Connected(began)
	if got := bodies(r.Receive(began, parsed(private, "Alice", "two"))); len(got) > 0 {
		t.Errorf("before the join is through: %s", got)
	}
	r.Receive(began, parsed("%s", ownPresence))
	out = r.Receive(began, parsed("%s", noSubject))
	out.Events = append(out.Events, r.Receive(began, parsed(private, "Alice", "three")).Events...)
	out.Events = append(out.Events, r.Advance(began.Add(time.Minute)).Events...) // nobody answers the question for the archive
	if got := fmt.Sprint(bodies(out)); got != "[two three]" {
		t.Errorf("after the join: %s", got)
	}

	r.Disconnected(began)
	r.Connected(began)
	r.Receive(began, parsed(private, "Alice", "four"))
	if got := fmt.Sprint(bodies(r.Disconnected(began))); got != "[four]" {
		t.Errorf("when the join ends: %s", got)
	}
	r.Connected(began)
	n := 0
	for i := range 5000 {
		n += len(bodies(r.Receive(began, parsed(private, "Alice", fmt.Sprint(i)))))
	}
	if n < 4000 {
		t.Errorf("of 5000 in a join, %d were given", n)
	}
}
