package muc_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
)

// More was said within a second than the mark remembers, and the bot was away in the midst of
// it: all that it missed comes, nothing comes again, from the room's history and from pages of
// its archive.
func TestMissedWithinASecond(t *testing.T) {
	const heard, said = 170, 310
	const word = "<message type='groupchat' id='%d' from='ops@rooms.example.com/Alice' to='echo@bot.example.com/room'><body>word %[1]d</body><stanza-id xmlns='urn:xmpp:sid:0' by='ops@rooms.example.com' id='archived%[1]d'/></message>"
	const delay = "<delay xmlns='urn:xmpp:delay' from='ops@rooms.example.com' stamp='2026-11-28T03:00:00Z'/>"
	was := joinedRoom(t, options(), muc.Mark{})
	for i := range heard {
		was.Receive(began, parsed(word, i))
	}
	back := func(archive bool, most int) (*muc.Room, []muc.Event) {
		o := options()
		o.MaxMissed = most
		r := newRoom(t, o, was.Mark())
		now := began.Add(time.Minute)
		r.Connected(now)
		r.Receive(now, parsed("%s", ownPresence))
		if !archive {
			for i := max(0, said-most); i < said; i++ {
				r.Receive(now, parsed(strings.Replace(word, "</message>", delay+"</message>", 1), i))
			}
		}
		var events []muc.Event
		out := r.Receive(now, parsed("%s", noSubject))
		for len(out.Send) > 0 {
			asked := out.Send[0]
			out = muc.Output{}
			deliver := func(format string, args ...any) {
				o := r.Receive(now, parsed(format, args...))
				out.Send, events = append(out.Send, o.Send...), append(events, o.Events...)
			}
			const answer = "<iq type='result' id='%s' from='ops@rooms.example.com' to='echo@bot.example.com/room'>"
			query, isPage := asked.Child("urn:xmpp:mam:2", "query")
			if !isPage {
				feature := ""
				if archive {
					feature = "<feature var='urn:xmpp:mam:2'/>"
				}
				deliver(answer+"<query xmlns='http://jabber.org/protocol/disco#info'>%s</query></iq>", asked.ID, feature)
				continue
			}
			end := said
			before := asked.Element(query).Child("http://jabber.org/protocol/rsm", "set").Child("http://jabber.org/protocol/rsm", "before")
			fmt.Sscanf(before.Text, "archived%d", &end)
			begin := max(0, end-100)
			for i := begin; i < end; i++ {
				deliver("<message from='ops@rooms.example.com' to='echo@bot.example.com/room'><result xmlns='urn:xmpp:mam:2' queryid='%s' id='archived%d'><forwarded xmlns='urn:xmpp:forward:0'>"+delay+
					strings.NewReplacer("<message ", "<message xmlns='jabber:client' ", "%[1]d", "%[2]d", "%d", "%[2]d").Replace(word)+"</forwarded></result></message>", asked.ID, i)
			}
			deliver(answer+"<fin xmlns='urn:xmpp:mam:2' complete='%t'><set xmlns='http://jabber.org/protocol/rsm'><first>archived%d</first></set></fin></iq>", asked.ID, begin == 0, begin)
		}
		return r, events
	}
	for _, c := range []struct {
		archive       bool
		most, missing int
	}{{false, 500, said - heard}, {true, 500, said - heard}, {false, 50, 50}, {true, 100, 100}} { // less than was missed, too
		r, events := back(c.archive, c.most)
		var words []string
		for _, e := range events {
			if e.Kind == muc.Message {
				words = append(words, body(e.Stanza))
			}
		}
		if len(words) != c.missing || words[0] != fmt.Sprint("word ", said-c.missing) || words[len(words)-1] != fmt.Sprint("word ", said-1) || r.Status().State != muc.Joined {
			t.Errorf("%+v: %d: %q", c, len(words), words)
		}
	}
}

// What was large, and heard before the bot went, takes no room from what it has missed.
func TestMissedBehindLargeMessages(t *testing.T) {
	const word = "<message type='groupchat' id='%d' from='ops@rooms.example.com/Alice' to='echo@bot.example.com/room'><body>word %[1]d%s</body>%s</message>"
	const heard, missed = 20, 3
	large := strings.Repeat("x", 250<<10)
	was := joinedRoom(t, options(), muc.Mark{})
	for i := range heard {
		was.Receive(began, parsed(word, i, large, ""))
	}
	r := newRoom(t, options(), was.Mark())
	now := began.Add(time.Minute)
	r.Connected(now)
	r.Receive(now, parsed("%s", ownPresence))
	for i := range heard + missed {
		stamp, more := began, large
		if i >= heard {
			stamp, more = began.Add(10*time.Second), ""
		}
		r.Receive(now, parsed(word, i, more, "<delay xmlns='urn:xmpp:delay' from='ops@rooms.example.com' stamp='"+stamp.UTC().Format(time.RFC3339)+"'/>"))
	}
	out := r.Receive(now, parsed("%s", noSubject))
	asked := out.Send[0]
	out = r.Receive(now, parsed("<iq type='result' id='%s' from='ops@rooms.example.com' to='echo@bot.example.com/room'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>", asked.ID))
	n := 0
	for _, e := range out.Events {
		if e.Kind == muc.Message {
			n++
		}
	}
	if n != missed {
		t.Errorf("%d of %d", n, missed)
	}
}

func body(s *stanza.Stanza) string {
	text, _ := s.Body()
	return text
}
