package muc_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"stanzahook/pkg/muc"
)

const (
	flood = 20_000
	// spam is what somebody puts into a stanza besides, so that it is large.
	spam = "<spam xmlns='urn:spam'>%s</spam>"
)

// A crowd of twenty thousand comes, changes its names and goes: five thousand are known, the
// others are counted, and the bot's own words are still its own.
func TestFloodOfOccupants(t *testing.T) {
	r := joinedRoom(t, options(), muc.Mark{})
	for i := range flood {
		r.Receive(began, parsed(occupant, fmt.Sprint("n", i)))
	}
	if st := r.Status(); st.Occupants != flood+1 || !st.Cut || len(r.Occupants()) > 5001 {
		t.Errorf("%+v, %d known", st, len(r.Occupants()))
	}
	const left = "<presence type='unavailable' from='ops@rooms.example.com/%s' to='echo@bot.example.com/room'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='none' nick='%s'/>%s</x></presence>"
	for i := range flood {
		r.Receive(began, parsed(left, fmt.Sprint("n", i), fmt.Sprint("m", i), "<status code='303'/>"))
	}
	if n := len(r.Occupants()); n > 5001 {
		t.Errorf("%d known after the change of names", n)
	}
	for i := range flood {
		r.Receive(began, parsed(left, fmt.Sprint("m", i), "", ""))
	}
	if st := r.Status(); st.Occupants != 1 || st.Cut || st.Role != "participant" {
		t.Errorf("%+v", st)
	}
}

// What is kept of somebody's presence has bounds, whatever is in it, and does not keep the
// stanza.
func TestFloodOfPresence(t *testing.T) {
	long := strings.Repeat("x", 30_000)
	r := joinedRoom(t, options(), muc.Mark{})
	before := heap()
	const people = 500
	for i := range people {
		r.Receive(began, parsed("<presence from='ops@rooms.example.com/n%d' to='echo@bot.example.com/room'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='%[2]s' role='%[2]s' jid='a@b/%[2]s'/></x><occupant-id xmlns='urn:xmpp:occupant-id:0' id='%[2]s'/><show>%[2]s</show><status>%[2]s</status><spam xmlns='urn:spam'>%[2]s</spam></presence>", i, long))
	}
	if used := int64(heap()) - int64(before); used > people*4<<10 {
		t.Errorf("%d occupants take %d KiB", people, used>>10)
	}
	for _, o := range r.Occupants() {
		if len(o.Show)+len(o.Affiliation)+len(o.Role)+len(o.ID) > 1000 || len(o.JID.String()) > 3071 || len(o.Status) > 1000 {
			t.Fatalf("%+v", o)
		}
	}
	runtime.KeepAlive(r)
}

// Each occupant sends a stanza that is nearly all spam: the little that is kept does not
// keep the rest.
func TestNothingKeepsStanzas(t *testing.T) {
	r := joinedRoom(t, options(), muc.Mark{})
	long := fmt.Sprintf(spam, strings.Repeat("x", 60_000))
	before := heap()
	for i := range 500 {
		r.Receive(began, parsed("<presence from='ops@rooms.example.com/n%d' to='echo@bot.example.com/room'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='visitor' jid='n%[1]d@example.com/x'/></x><occupant-id xmlns='urn:xmpp:occupant-id:0' id='of%[1]d'/><show>away</show><status>here</status>%[2]s</presence>", i, long))
		r.Receive(began, parsed("<presence type='unavailable' from='ops@rooms.example.com/n%d' to='echo@bot.example.com/room'><x xmlns='http://jabber.org/protocol/muc#user'><item nick='m%[1]d'/><status code='303'/></x>%[2]s</presence>", i, long))
	}
	for i := range 200 {
		r.Sent(parsed("<message type='groupchat' id='s%d' from='echo@bot.example.com/room' to='ops@rooms.example.com'><subject>%[1]d</subject>%[2]s</message>", i, long))
		r.Receive(began, parsed("<message type='groupchat' id='t%d' from='ops@rooms.example.com/m1' to='echo@bot.example.com/room'><subject>t%[1]d</subject>%[2]s</message>", i, long))
	}
	if used := int64(heap()) - int64(before); used > 1<<20 {
		t.Errorf("%d KiB", used>>10)
	}
	if n := len(r.Occupants()); n != 501 {
		t.Errorf("%d occupants", n)
	}
	runtime.KeepAlive(r)
}

// A subject of 60 kB is an event as it is; little of it is kept, and it is known again.
func TestLongSubject(t *testing.T) {
	r := joinedRoom(t, options(), muc.Mark{})
	long := strings.Repeat("ü", 30_000)
	const subject = "<message type='groupchat' id='%s' from='ops@rooms.example.com/Mallory' to='echo@bot.example.com/room'><subject>%s</subject></message>"
	if out := r.Receive(began, parsed(subject, "1", long)); len(out.Events) != 1 || out.Events[0].Text != long {
		t.Errorf("%d events", len(out.Events))
	}
	if out := r.Receive(began, parsed(subject, "2", long)); len(out.Events) != 0 {
		t.Errorf("the same subject is %d events", len(out.Events))
	}
	if out := r.Receive(began, parsed(subject, "3", long+"!")); len(out.Events) != 1 {
		t.Errorf("another subject is %d events", len(out.Events))
	}
	if kept := r.Status().Subject; len(kept) > 4096 || !strings.HasPrefix(long, kept) {
		t.Errorf("%d bytes are kept", len(kept))
	}
}

// A room floods a bot that joins, and one that waits for the archive: what is live comes
// out, all of it and in order; what waits has bounds.
func TestFloodOfMessages(t *testing.T) {
	for name, before := range map[string][]string{"joining": nil, "own presence": {ownPresence}, "catching up": {ownPresence, noSubject}} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t, options(), muc.Mark{First: began.Add(-1e9), Last: began.Add(-1e9)})
			r.Connected(began)
			for _, s := range before {
				r.Receive(began, parsed("%s", s))
			}
			next, waiting := 0, 0
			for i := range flood {
				out := r.Receive(began, parsed(groupchat, fmt.Sprint(i), "Mallory", fmt.Sprint("flood ", i)))
				if len(out.Send) > 1 {
					t.Fatalf("%d stanzas", len(out.Send))
				}
				for _, e := range out.Events {
					if e.Kind != muc.Message || e.Stanza.ID != fmt.Sprint(next) {
						t.Fatalf("%s instead of message %d", describe(e), next)
					}
					next++
				}
				if waiting = max(waiting, i+1-next); waiting > 1000 {
					t.Fatalf("%d messages wait", waiting)
				}
			}
			r.Disconnected(began)
		})
	}
}

// So has the history, and what an archive returns.
func TestFloodOfHistory(t *testing.T) {
	r := newRoom(t, options(), muc.Mark{First: began.Add(-1e12), Last: began.Add(-1e11)})
	r.Connected(began)
	r.Receive(began, parsed("%s", ownPresence))
	for i := range flood {
		r.Receive(began, parsed("<message type='groupchat' id='%d' from='ops@rooms.example.com/Mallory' to='echo@bot.example.com/room'><body>%[1]d</body><delay xmlns='urn:xmpp:delay' from='ops@rooms.example.com' stamp='2026-11-28T02:59:59Z'/></message>", i))
	}
	out := r.Receive(began, parsed("%s", noSubject))
	if len(out.Send) != 1 {
		t.Fatalf("%d stanzas", len(out.Send))
	}
	out = r.Receive(began, parsed("<iq type='result' id='1' from='ops@rooms.example.com' to='echo@bot.example.com/room'><query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:xmpp:mam:2'/></query></iq>"))
	if len(out.Send) != 1 || len(out.Events) != 0 {
		t.Fatalf("%d stanzas, %d events", len(out.Send), len(out.Events))
	}
	for page := range 20 { // the archive goes on for ever
		for i := range 1000 {
			r.Receive(began, parsed("<message from='ops@rooms.example.com' to='echo@bot.example.com/room'><result xmlns='urn:xmpp:mam:2' queryid='%d' id='%d-%d'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-11-28T02:59:59Z'/><message xmlns='jabber:client' type='groupchat' id='a%[2]d-%[3]d' from='ops@rooms.example.com/Bob'><body>a</body></message></forwarded></result></message>", page+2, page, i))
		}
		out = r.Receive(began, parsed("<iq type='result' id='%d' from='ops@rooms.example.com' to='echo@bot.example.com/room'><fin xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><first>%d-0</first></set></fin></iq>", page+2, page))
		if len(out.Send) == 0 {
			break
		}
	}
	if len(out.Send) > 0 || len(out.Events) == 0 || len(out.Events) > 500 {
		t.Errorf("%d stanzas, %d events", len(out.Send), len(out.Events))
	}
}

// Nor do thousands of statuses and items in one stanza.
func TestFloodOfItems(t *testing.T) {
	r := joinedRoom(t, options(), muc.Mark{})
	many := strings.Repeat("<item affiliation='owner' role='moderator' nick='Echo'/><status code='307'/><status code='110'/>", 2000)
	for _, s := range []string{
		"<presence from='ops@rooms.example.com/Mallory' to='echo@bot.example.com/room'><x xmlns='http://jabber.org/protocol/muc#user'>" + many + "</x></presence>",
		"<message type='groupchat' from='ops@rooms.example.com/Mallory' to='echo@bot.example.com/room'><body>x</body><x xmlns='http://jabber.org/protocol/muc#user'>" + many + "</x></message>",
		"<message from='ops@rooms.example.com' to='echo@bot.example.com/room'><x xmlns='http://jabber.org/protocol/muc#user'>" + many + "</x></message>",
	} {
		if out := r.Receive(began, parsed("%s", s)); len(out.Send) > 0 || len(out.Events) > 1 {
			t.Errorf("%d stanzas, %d events", len(out.Send), len(out.Events))
		}
	}
	if st := r.Status(); st.State != muc.Joined || st.Nick != "Echo" {
		t.Errorf("%+v", st)
	}
}
