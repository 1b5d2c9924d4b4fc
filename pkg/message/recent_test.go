package message

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func heard(r *Recent, room RoomIDs, author, xml string, args ...any) Heard {
	s := parsed(fmt.Sprintf(xml, args...))
	f := Read(s)
	return r.Hear(s, &f, room, author, noon)
}

const (
	fromAlice = `<message type='chat' id='%s' to='echo@bot.example.com' from='alice@example.com/cli'>%s</message>`
	inLounge  = `<message type='groupchat' id='%s' to='echo@bot.example.com/room' from='lounge@rooms.example.com/%s'>%s</message>`
)

func TestHearChat(t *testing.T) {
	r := NewRecent(RecentBytes)
	sent := parsed(`<message type='chat' id='b1' from='echo@bot.example.com/r' to='alice@example.com'><body>hello</body><origin-id xmlns='urn:xmpp:sid:0' id='b1'/></message>`)
	post := Sent(sent, false)
	r.Add(post, "echo@bot.example.com", "hello", noon)
	first := heard(r, RoomIDs{}, "", fromAlice, "a1", `<body>hi</body><origin-id xmlns='urn:xmpp:sid:0' id='o1'/>`)
	unknown := Ref{Own: post.Own, Peer: post.Peer, ID: "x", OriginID: "x"}
	reply := unknown
	reply.ID, reply.OriginID, reply.Mine = "evt_01M8G0K6JBKZ8681HKZJKAHM8C-1", "evt_01M8G0K6JBKZ8681HKZJKAHM8C-1", true
	for _, c := range []struct {
		name, id, inner string
		of, by          string
		foreign         bool
		ref             Ref // if it is not the message's own
	}{
		{"a reaction to ours", "a2", `<reactions id='b1' xmlns='urn:xmpp:reactions:0'><reaction>👍</reaction></reactions>`, post.String(), "", false, Ref{}},
		{"a reply to ours", "a3", `<body>x</body><reply id='b1' to='echo@bot.example.com' xmlns='urn:xmpp:reply:0'/>`, post.String(), "", false, Ref{}},
		{"displayed", "a4", `<displayed id='b1' xmlns='urn:xmpp:chat-markers:0'/>`, post.String(), "", false, Ref{}},
		{"a reaction to an unknown one", "a5", `<reactions id='x' xmlns='urn:xmpp:reactions:0'/>`, unknown.String(), "", false, Ref{}},
		{"a reaction to a reply of a webhook", "a6", `<reactions id='evt_01M8G0K6JBKZ8681HKZJKAHM8C-1' xmlns='urn:xmpp:reactions:0'/>`, reply.String(), "", false, Ref{}},
		{"a correction of her own", "a7", `<body>ho</body><replace id='a1' xmlns='urn:xmpp:message-correct:0'/>`, first.Ref.String(), "", false, first.Ref},
		{"a second one", "a8", `<body>hu</body><replace id='a1' xmlns='urn:xmpp:message-correct:0'/>`, first.Ref.String(), "", false, first.Ref},
		{"a reaction to the correction", "a9", `<reactions id='a7' xmlns='urn:xmpp:reactions:0'/>`, first.Ref.String(), "", false, Ref{}},
		{"a correction of ours", "a10", `<body>ho</body><replace id='b1' xmlns='urn:xmpp:message-correct:0'/>`, post.String(), "", true, Ref{}},
		{"a correction of an unknown one", "a11", `<body>ho</body><replace id='x' xmlns='urn:xmpp:message-correct:0'/>`, unknown.String(), "", true, Ref{}},
		{"a retraction", "a12", retractOf("o1"), first.Ref.String(), "alice@example.com/cli", false, Ref{}},
		{"a retraction of ours", "a13", retractOf("b1"), post.String(), "alice@example.com/cli", true, Ref{}},
		{"a moderation without a room", "a14", strings.ReplaceAll(moderate1, "s1", "o1"), first.Ref.String(), "alice@example.com/cli", true, Ref{}},
		{"a text", "a15", `<body>x</body>`, "", "", false, Ref{}},
		{"typing", "a16", `<composing xmlns='http://jabber.org/protocol/chatstates'/>`, "", "", false, Ref{}},
	} {
		h := heard(r, RoomIDs{}, "", fromAlice, c.id, c.inner)
		if h.RefOf != c.of || h.By != c.by || h.Foreign != c.foreign {
			t.Errorf("%s: %+v", c.name, h)
		}
		want := c.ref
		if want == (Ref{}) {
			want = Received(parsed(fmt.Sprintf(fromAlice, c.id, c.inner)))
		}
		if h.Ref != want {
			t.Errorf("%s: ref %+v", c.name, h.Ref)
		}
	}
	if known, ok := r.FindRef(first.Ref, noon); !ok || known.Body != "hu" {
		t.Errorf("the latest version is %+v, %v", known, ok)
	}
	// the same ids in another conversation are others
	if h := heard(r, RoomIDs{}, "", strings.Replace(fromAlice, "alice", "mallory", 1), "m1", `<body>ho</body><replace id='a1' xmlns='urn:xmpp:message-correct:0'/>`); !h.Foreign || h.RefOf == first.Ref.String() {
		t.Errorf("%+v", h)
	}
	if _, ok := r.FindRef(first.Ref, noon.Add(recentFor)); ok {
		t.Error("remembered for more than a day")
	}
}

func retractOf(id string) string { return strings.Replace(retract1, "'c1'", "'"+id+"'", 1) }

func TestHearRoom(t *testing.T) {
	r := NewRecent(RecentBytes)
	ids := RoomIDs{StanzaIDs: true, Own: jid.MustParse("lounge@rooms.example.com/Echo")}
	const sid = `<stanza-id xmlns='urn:xmpp:sid:0' by='lounge@rooms.example.com' id='%s'/>`
	said := func(id, nick, occupant, inner string) Heard {
		return heard(r, ids, occupant, inLounge, id, nick, inner+fmt.Sprintf(sid, "s"+id))
	}
	sent := Sent(parsed(`<message type='groupchat' id='b1' from='echo@bot.example.com/room' to='lounge@rooms.example.com'><body>hello</body><origin-id xmlns='urn:xmpp:sid:0' id='b1'/></message>`), false)
	r.Add(sent, "me", "hello", noon)
	if c := r.Complete(sent, noon); c != sent {
		t.Errorf("before the echo: %+v", c)
	}
	echo := InRoom(parsed(fmt.Sprintf(inLounge, "b1", "Echo", `<body>hello</body>`+fmt.Sprintf(sid, "sb1"))), ids)
	r.Echoed(echo, noon)
	if c := r.Complete(sent, noon); c.StanzaID != "sb1" || c.ID != "b1" {
		t.Errorf("after the echo: %+v", c)
	}
	a1 := said("a1", "Alice", "occ-alice", `<body>hi</body>`)
	reaction := `<reactions id='%s' xmlns='urn:xmpp:reactions:0'/>`
	if h := said("c1", "Bob", "occ-bob", fmt.Sprintf(reaction, "sb1")); h.RefOf != sent.String() {
		t.Errorf("a reaction to ours has %q, the sender got %q", h.RefOf, sent)
	}
	if h := said("c2", "Bob", "occ-bob", fmt.Sprintf(reaction, "sa1")); h.RefOf != a1.Ref.String() || a1.Ref.StanzaID != "sa1" {
		t.Errorf("%+v", h)
	}
	const correction = `<body>ho</body><replace id='a1' xmlns='urn:xmpp:message-correct:0'/>`
	if h := said("c3", "Alice", "occ-alice", correction); h.Foreign || h.Ref != a1.Ref {
		t.Errorf("her own: %+v", h)
	}
	for name, occupant := range map[string]string{"another occupant of the same nick": "occ-mallory", "nobody knows who": ""} {
		if h := said("c4", "Alice", occupant, correction); !h.Foreign {
			t.Errorf("%s: %+v", name, h)
		}
	}
	moderated := strings.ReplaceAll(moderate1, "s1", "sa1")
	if h := said("c5", "Mallory", "occ-mallory", moderated); !h.Foreign || h.By != "lounge@rooms.example.com/Mallory" {
		t.Errorf("an occupant moderates: %+v", h)
	}
	room := heard(r, ids, "", `<message type='groupchat' id='%s' to='echo@bot.example.com/room' from='lounge@rooms.example.com'>%s</message>`, "c6", moderated)
	if room.Foreign || room.By != "r@rooms/mod" || room.RefOf != a1.Ref.String() {
		t.Errorf("the room moderates: %+v", room)
	}
}

// What somebody has said privately in a room is not corrected by the next one with that nick.
func TestHearPrivately(t *testing.T) {
	const fromAlice = `<message type='chat' id='%s' to='echo@bot.example.com/room' from='lounge@rooms.example.com/Alice'>%s<x xmlns='http://jabber.org/protocol/muc#user'/></message>`
	const correction = `<body>ho</body><replace id='a1' xmlns='urn:xmpp:message-correct:0'/>`
	r := NewRecent(RecentBytes)
	first := heard(r, RoomIDs{}, "id alice", fromAlice, "a1", "<body>hi</body>")
	for author, foreign := range map[string]bool{"id alice": false, "id mallory": true, "": true} {
		for _, inner := range []string{correction, retractOf("a1")} {
			if h := heard(r, RoomIDs{}, author, fromAlice, "a2", inner); h.Foreign != foreign || h.RefOf != first.Ref.String() {
				t.Errorf("by %q: %+v", author, h)
			}
		}
	}
}

// The memory has a bound; the oldest goes, and what is left is found.
// Anybody may take the id of somebody else's message: authors keep theirs, and we ours.
func TestIDsTakenByOthers(t *testing.T) {
	for _, full := range []bool{false, true} {
		r := NewRecent(RecentBytes)
		ids := RoomIDs{Own: jid.MustParse("lounge@rooms.example.com/Echo")}
		said := func(id, nick, author, inner string) Heard { return heard(r, ids, author, inLounge, id, nick, inner) }
		ours := parsed(`<message type='groupchat' id='b1' from='echo@bot.example.com/room' to='lounge@rooms.example.com'><body>hello</body></message>`)
		r.Say(ours, Sent(ours, false), noon)
		alice := said("a1", "Alice", "id alice", `<body>hi</body>`)
		for _, id := range []string{"a1", "b1"} {
			said(id, "Mallory", "id mallory", `<body>mine</body>`)
		}
		if full {
			for i := range 1000 {
				said(fmt.Sprint("fill", i), "Bob", "id bob", "<body>"+strings.Repeat("x", 1000)+"</body>")
			}
		}
		const correction = `<body>ho</body><replace id='a1' xmlns='urn:xmpp:message-correct:0'/>`
		if h := said("a2", "Alice", "id alice", correction); h.Foreign || h.RefOf != alice.Ref.String() {
			t.Errorf("full %v: her own: %+v", full, h)
		}
		if h := said("m2", "Eve", "id eve", correction); !h.Foreign {
			t.Errorf("full %v: another's: %+v", full, h)
		}
		if known, ok := r.FindRef(Sent(ours, false), noon); !ok || known.Body != "hello" {
			t.Errorf("full %v: ours is %+v", full, known)
		}
		r.Echoed(InRoom(parsed(fmt.Sprintf(inLounge, "b1", "Echo", `<body>hello</body><stanza-id xmlns='urn:xmpp:sid:0' by='lounge@rooms.example.com' id='sb1'/>`)), RoomIDs{StanzaIDs: true, Own: ids.Own}), noon)
		if known, ok := r.Find(jid.MustParse("echo@bot.example.com"), jid.MustParse("lounge@rooms.example.com"), "sb1", true, noon); !ok || known.Body != "hello" {
			t.Errorf("full %v: by the room's id ours is %+v %v", full, known, ok)
		}
	}
}

// In a room without stanza-ids people mark messages by the id of the stanza, also if the room says
// that it could give some; and so they do where they name its sender.
func TestMarkedByID(t *testing.T) {
	for _, has := range []bool{false, true} {
		r := NewRecent(RecentBytes)
		ids := RoomIDs{StanzaIDs: has, Own: jid.MustParse("lounge@rooms.example.com/Echo")}
		ours := parsed(`<message type='groupchat' id='b1' from='echo@bot.example.com/room' to='lounge@rooms.example.com'><body>hello</body></message>`)
		ref := Sent(ours, false)
		r.Say(ours, ref, noon)
		for _, attrs := range []string{`id='b1'`, `id='b1' sender='lounge@rooms.example.com/Echo'`} {
			h := heard(r, ids, "id alice", inLounge, "a1", "Alice", "<displayed "+attrs+" xmlns='urn:xmpp:chat-markers:0'/>")
			if h.RefOf != ref.String() {
				t.Errorf("stanza-ids %v, %s: %+v", has, attrs, h)
			}
		}
		if h := heard(r, ids, "id alice", inLounge, "a3", "Alice", "<reactions id='b1' xmlns='urn:xmpp:reactions:0'/>"); (h.RefOf == ref.String()) == has {
			t.Errorf("a reaction by id, stanza-ids %v: %+v", has, h)
		}
		h := heard(r, ids, "id alice", inLounge, "a2", "Alice", "<displayed id='s9' xmlns='urn:xmpp:chat-markers:0'/>")
		if of, err := ParseRef(h.RefOf); err != nil || (of.StanzaID == "s9") != has || (of.ID == "s9") == has {
			t.Errorf("stanza-ids %v: %+v %v", has, of, err)
		}
	}
}

// The address of a file has what its author has said of the file before, and nobody else.
func TestAnnouncedFiles(t *testing.T) {
	r := NewRecent(RecentBytes)
	heard(r, RoomIDs{}, "", fromAlice, "d1", announced)
	if h := heard(r, RoomIDs{}, "", strings.Replace(fromAlice, "alice", "mallory", 1), "m1", attached); h.Files != nil {
		t.Errorf("mallory's: %+v", h)
	}
	for id, inner := range map[string]string{"of another file": strings.Replace(attached, "id='f1'", "id='f2'", 1), "of another message": strings.Replace(attached, "'d1'", "'d2'", 1)} {
		if h := heard(r, RoomIDs{}, "", fromAlice, id, inner); h.Files != nil {
			t.Errorf("%s: %+v", id, h)
		}
	}
	h := heard(r, RoomIDs{}, "", fromAlice, "d2", attached)
	if len(h.Files) != 1 || h.Files[0].URL != "https://u.example/9f/x.png" || *h.Files[0].Name != "cat.png" || *h.Files[0].Size != 1234 || *h.Files[0].Type != "image/png" || *h.Files[0].SHA256 != "000102" || h.RefOf != "" {
		t.Errorf("%+v", h)
	}
	ids := RoomIDs{StanzaIDs: true}
	const sid = `<stanza-id xmlns='urn:xmpp:sid:0' by='lounge@rooms.example.com' id='%s'/>`
	heard(r, ids, "id alice", inLounge, "d1", "Alice", announced+fmt.Sprintf(sid, "s1"))
	inRoom := strings.Replace(attached, "'d1'", "'s1'", 1)
	for author, want := range map[string]int{"id mallory": 0, "": 0, "id alice": 1} {
		if h := heard(r, ids, author, inLounge, "d2", "Alice", inRoom+fmt.Sprintf(sid, "s2")); len(h.Files) != want {
			t.Errorf("in a room, of %q: %+v", author, h)
		}
	}
}

func TestRecentIsBounded(t *testing.T) {
	r := NewRecent(3 * segmentBytes)
	body := strings.Repeat("x", 5000)
	ref := func(i int) Ref {
		return Ref{Own: jid.MustParse("echo@bot.example.com"), Peer: jid.MustParse("alice@example.com"), ID: fmt.Sprint("id", i), OriginID: fmt.Sprint("o", i)}
	}
	const n = 2000
	for i := range n {
		r.Add(ref(i), "a", body, noon)
	}
	found := 0
	for i := range n {
		known, ok := r.FindRef(ref(i), noon)
		if !ok {
			if found > 0 {
				t.Fatalf("%d is gone, and an older one is not", i)
			}
			continue
		}
		if found++; known.Ref != ref(i).String() || len(known.Body) != maxRecentBody {
			t.Fatalf("%d: %q, %d bytes", i, known.Ref, len(known.Body))
		}
	}
	if ids, bytes := r.Len(); found < 25 || found > 48 || ids != 2*found || bytes > 4*segmentBytes {
		t.Errorf("%d of %d are known, %d ids, %d bytes", found, n, ids, bytes)
	}
	r.Add(ref(0), strings.Repeat("x", segmentBytes), "", noon) // does not fit: not remembered
	if _, ok := r.FindRef(ref(0), noon); ok {
		t.Error("more than a segment is remembered")
	}
}

// Whoever writes a lot makes nobody forgotten who writes less, but for those in the same share; and
// has all the memory while nobody else needs it.
func TestRecentHasShares(t *testing.T) {
	r := NewRecent(RecentBytes)
	own := jid.MustParse("echo@bot.example.com")
	body := strings.Repeat("x", 4000)
	from := func(peer string, i int) Ref {
		return Ref{Own: own, Peer: jid.MustParse(peer), ID: fmt.Sprint("id", i)}
	}
	spam := func(i int) Ref { return from(fmt.Sprintf("spam%d@s%d.evil.example.net", i, i), i) }
	known := func(n int, ref func(i int) Ref) (known int) {
		for i := range n {
			if _, ok := r.FindRef(ref(i), noon); ok {
				known++
			}
		}
		return known
	}
	const fits, others = RecentBytes / 5000, 160
	for i := range fits {
		r.Add(spam(i), "a", body, noon)
	}
	if n := known(fits, spam); n != fits {
		t.Errorf("%d of %d are known while there is nobody else", n, fits)
	}
	other := func(i int) Ref {
		return from([...]string{fmt.Sprintf("u%d@example.com", i), fmt.Sprintf("r%d@rooms.example.com", i)}[i%2], i)
	}
	for i := range others {
		r.Add(other(i), "a", "hi", noon)
	}
	for i := range 2 * fits {
		r.Add(spam(i), "a", body, noon)
	}
	if n := known(others, other); n < others*4/5 { // in the same share are two or three
		t.Errorf("%d of %d are left", n, others)
	}
	if _, bytes := r.Len(); bytes > RecentBytes*5/4 {
		t.Errorf("%d bytes", bytes)
	}
}

func TestParty(t *testing.T) {
	r := NewRecent(0)
	for _, tc := range []struct{ own, peer, want string }{
		{"echo@bot.example.com", "alice@example.com/phone", "alice@example.com"},
		{"echo@bot.example.com", "ops@rooms.example.com", "ops@rooms.example.com"},
		{"echo@bot.example.com", "alice@badexample.com", "badexample.com"},
		{"echo@bot.example.com", "alice@elsewhere.net/phone", "elsewhere.net"},
		{"echo@bot.example.com/room", "", "echo@bot.example.com"},
		{"echo@bot.localhost", "alice@localhost", "alice@localhost"},
		{"echo@example.com", "alice@evil.com", "evil.com"},
		{"echo@example", "alice@elsewhere", "elsewhere"},
		{"echo@bot.example.com", "alice@a.evil.net", "evil.net"}, // any number of names costs nothing
	} {
		for range 2 { // the second time it is remembered
			if got := r.party(jid.FromServer(tc.own), jid.FromServer(tc.peer)); got != tc.want {
				t.Errorf("%s, %s: %s, want %s", tc.own, tc.peer, got, tc.want)
			}
		}
	}
	for i := range 3 * maxParties {
		r.party(jid.FromServer("echo@example.com"), jid.FromServer(fmt.Sprintf("a@evil%d.net", i)))
	}
	if n := len(r.parties); n > maxParties {
		t.Errorf("%d parties are remembered", n)
	}
}

// A text costs no allocation, once the memory has its size.
func TestHearAllocatesNothing(t *testing.T) {
	r := NewRecent(0)
	s := parsed(fmt.Sprintf(fromAlice, "a1", `<body>hi</body><origin-id xmlns='urn:xmpp:sid:0' id='o1'/>`))
	f := Read(s)
	hear := func() { r.Hear(s, &f, RoomIDs{}, "", noon) }
	for range 20_000 {
		hear()
	}
	if n := testing.AllocsPerRun(1000, hear); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkHear(b *testing.B) {
	r := NewRecent(RecentBytes)
	all := make([]*stanza.Stanza, 1000)
	for i := range all {
		all[i] = parsed(fmt.Sprintf(fromAlice, fmt.Sprint("a", i), `<body>hi there, how are you</body>`))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s := all[i%len(all)]
		f := Read(s)
		r.Hear(s, &f, RoomIDs{}, "", noon)
	}
}

// What comes to a message of ours in a room has the Ref that its sender got, also when the
// room has sent the message back: that has a Ref of its own, with the stanza-id.
func TestEchoKeepsTheRef(t *testing.T) {
	r := NewRecent(RecentBytes)
	ids := RoomIDs{StanzaIDs: true, Own: jid.MustParse("ops@rooms.example.com/Echo")}
	said := func(inner string) string {
		return "<message type='groupchat' to='echo@bot.example.com' from='ops@rooms.example.com/" + inner + "</message>"
	}
	ours := parsed(`<message type='groupchat' id='m1' from='echo@bot.example.com/room' to='ops@rooms.example.com'><body>hi</body><origin-id xmlns='urn:xmpp:sid:0' id='m1'/></message>`)
	ref := Sent(ours, false)
	r.Say(ours, ref, noon)
	back := parsed(said("Echo' id='m1'><body>hi</body><origin-id xmlns='urn:xmpp:sid:0' id='m1'/><stanza-id xmlns='urn:xmpp:sid:0' by='ops@rooms.example.com' id='s1'/>"))
	f := Read(back)
	r.Echoed(r.Hear(back, &f, ids, "id ofEcho", noon).Ref, noon)
	for _, about := range []string{"<reactions xmlns='urn:xmpp:reactions:0' id='s1'><reaction>x</reaction></reactions>", "<body>hi bot</body><reply xmlns='urn:xmpp:reply:0' id='s1'/>"} {
		s := parsed(said("Alice' id='a1'>" + about))
		f := Read(s)
		if h := r.Hear(s, &f, RoomIDs{StanzaIDs: true}, "id ofAlice", noon); h.RefOf != ref.String() {
			t.Errorf("%s is about %s, not %s", about, h.RefOf, ref)
		}
	}
	again := parsed(said("Echo' id='m2'><body>hello</body><replace xmlns='urn:xmpp:message-correct:0' id='m1'/>"))
	f = Read(again)
	h := r.Hear(again, &f, ids, "id ofEcho", noon)
	if h.Foreign || h.RefOf != ref.String() {
		t.Errorf("our own correction: %+v", h)
	}
	if r.Echoed(h.Ref, noon); r.Complete(ref, noon).StanzaID != "s1" {
		t.Errorf("after the echo of a correction: %+v", r.Complete(ref, noon))
	}
	// corrected by the program, which finds it with the id of the room
	r.Say(parsed(`<message type='groupchat' id='m3' from='echo@bot.example.com/room' to='ops@rooms.example.com'><body>hello</body><replace xmlns='urn:xmpp:message-correct:0' id='m1'/></message>`), r.Complete(ref, noon), noon)
	reaction := parsed(said("Alice' id='a2'><reactions xmlns='urn:xmpp:reactions:0' id='s1'><reaction>x</reaction></reactions>"))
	f = Read(reaction)
	if h := r.Hear(reaction, &f, RoomIDs{StanzaIDs: true}, "id ofAlice", noon); h.RefOf != ref.String() {
		t.Errorf("after a correction it is about %s, not %s", h.RefOf, ref)
	}
}

// Await waits for the room's copy of what was sent, with or without an id; not for the rest.
func TestAwaitEcho(t *testing.T) {
	r := NewRecent(RecentBytes)
	var asked atomic.Int64 // the time, by Await: twice before it waits
	now := func() time.Time { asked.Add(1); return noon }
	ours := func(id string) Ref {
		return Ref{Kind: Room, Own: jid.MustParse("echo@bot.example.com"), Peer: jid.MustParse("lounge@rooms.example.com"), ID: id, OriginID: id, Mine: true}
	}
	for _, stanzaID := range []string{"s1", ""} {
		sent := ours("with" + stanzaID)
		r.Add(sent, "me", "hello", noon)
		done := make(chan Ref)
		asked.Store(0)
		go func() { done <- r.Await(t.Context(), sent, now) }()
		for asked.Load() < 2 {
			select {
			case got := <-done:
				t.Fatalf("before the echo: %+v", got)
			case <-time.After(time.Millisecond):
			}
		}
		other := ours("other" + stanzaID)
		r.Add(other, "me", "hello", noon)
		r.Echoed(other, noon)
		select {
		case got := <-done:
			t.Fatalf("before the echo: %+v", got)
		default:
		}
		echo := sent
		echo.StanzaID = stanzaID
		r.Echoed(echo, noon)
		if got := <-done; got != echo {
			t.Errorf("%+v, not %+v", got, echo)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	late := ours("late")
	r.Add(late, "me", "hello", noon)
	theirs := ours("theirs")
	theirs.Mine = false
	for _, ref := range []Ref{late, ours("yesterday"), theirs, {Own: late.Own, Peer: late.Peer, ID: "x", Mine: true}} {
		c := t.Context()
		if ref == late {
			c = ctx
		}
		if got := r.Await(c, ref, now); got != ref {
			t.Errorf("%+v, not %+v", got, ref)
		}
	}
}
