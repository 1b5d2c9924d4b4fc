package muc_test

import (
	"testing"
	"time"

	"stanzahook/pkg/muc"
)

// What is shown of the next attempt is a whole minute after the kick, also where the two clocks of
// the machine do not run alike.
func TestNextAttemptAfterAKick(t *testing.T) {
	o := options()
	o.Rejoin = true
	for range 200 {
		r := newRoom(t, o, muc.Mark{})
		r.Connected(time.Now())
		r.Receive(time.Now(), parsed("%s", ownPresence))
		r.Receive(time.Now(), parsed("%s", noSubject))
		r.Receive(time.Now(), parsed("<presence type='unavailable' from='ops@rooms.example.com/Echo' to='echo@bot.example.com/room'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='none'/><status code='110'/><status code='307'/></x></presence>"))
		if st := r.Status(); st.State != muc.Waiting || !st.NextAttempt.Round(0).Equal(st.Since.Round(0).Add(time.Minute)) {
			t.Fatalf("%+v", st)
		}
	}
}
