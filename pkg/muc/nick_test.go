package muc_test

import (
	"fmt"
	"testing"

	"stanzahook/pkg/muc"
)

// A nick is what servers make of it: it is asked for so, and what comes back is the bot's own.
func TestPreparedNicks(t *testing.T) {
	for nick, want := range map[string]string{"Echo": "Echo", "Ｅcho": "Echo", "Cafe\u0301": "Café", "Bot\u00a0One": "Bot One", "ﬁx": "fix"} {
		o := options()
		o.Nick = nick
		r := newRoom(t, o, muc.Mark{})
		join := r.Connected(began).Send[0]
		if got := join.To.Resource(); got != want {
			t.Errorf("%q is asked for as %q, not %q", nick, got, want)
		}
		r.Receive(began, parsed("<presence from='ops@rooms.example.com/%s' to='echo@bot.example.com/room'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/><status code='110'/></x></presence>", want))
		out := r.Receive(began, parsed("%s", noSubject))
		if st := r.Status(); st.State != muc.Joined || st.Nick != want || len(out.Send) > 1 {
			t.Errorf("%q: %+v, then %d stanzas", nick, st, len(out.Send))
		}
	}
	// a server's error has the nick as the server has made it
	o := options()
	r := newRoom(t, o, muc.Mark{})
	r.Connected(began)
	r.Receive(began, parsed("<presence type='error' from='ops@rooms.example.com/Ｅcho' to='echo@bot.example.com/room'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>"))
	if st := r.Status(); st.State != muc.Refused {
		t.Errorf("%+v", st)
	}
}

// A change of the nick is under way until the room has made it, or refused it.
func TestRenaming(t *testing.T) {
	const from = "from='ops@rooms.example.com/%s' to='echo@bot.example.com/room'"
	changed := "<presence type='unavailable' " + fmt.Sprintf(from, "Echo") + "><x xmlns='http://jabber.org/protocol/muc#user'><item nick='Robot' affiliation='none' role='participant'/><status code='303'/><status code='110'/></x></presence>"
	conflict := "<presence type='error' " + fmt.Sprintf(from, "Robot") + "><error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>"
	for answer, want := range map[string]string{changed: "Robot", conflict: "Echo"} {
		r := joinedRoom(t, options(), muc.Mark{})
		if out := r.SetNick(began, "Robot"); len(out.Send) != 1 || !r.Status().Renaming {
			t.Fatalf("%+v %+v", out, r.Status())
		}
		r.Receive(began, parsed("%s", answer))
		if st := r.Status(); st.Renaming || st.Nick != want || st.State != muc.Joined {
			t.Errorf("%+v, want %s", st, want)
		}
	}
}
