package message

import (
	"errors"
	"strings"
	"testing"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

func parsed(xml string) *stanza.Stanza { return stanza.Must(stanza.Parse(xml, stanza.Limits{})) }

// What Conversations, Dino and the servers send, and which id each XEP takes of it.
func TestRefOf(t *testing.T) {
	echo := jid.MustParse("lounge@rooms.example.com/Echo")
	const room = `<message to='echo@bot.example.com/room' type='groupchat' from='lounge@rooms.example.com/Alice' id='a9'><body>hi</body>` +
		`<origin-id xmlns='urn:xmpp:sid:0' id='ao9'/><stanza-id xmlns='urn:xmpp:sid:0' id='fake' by='other@rooms.example.com'/><stanza-id xmlns='urn:xmpp:sid:0' by='lounge@rooms.example.com' id='WCzY2cVe'/></message>`
	chat := Received(parsed(`<message type='chat' to='echo@bot.example.com/x' from='alice@example.com/phone' id='m1'><origin-id xmlns='urn:xmpp:sid:0' id='o1'/><stanza-id xmlns='urn:xmpp:sid:0' id='s' by='echo@bot.example.com'/></message>`))
	for _, c := range []struct {
		name                                             string
		r                                                Ref
		kind, peer, author                               string
		mine                                             bool
		reply, reaction, correction, retraction, display string
	}{
		{"chat", chat, "chat", "alice@example.com", "alice@example.com/phone", false, "m1", "o1", "m1", "o1", "m1"},
		{"chat without an origin-id", Received(parsed(`<message type='chat' to='echo@bot.example.com' from='alice@example.com/phone' id='m1'/>`)), "chat", "alice@example.com", "alice@example.com/phone", false, "m1", "m1", "m1", "m1", "m1"},
		{"private in a room", Received(parsed(`<message type='chat' to='echo@bot.example.com' from='lounge@rooms.example.com/Alice' id='m1'><x xmlns='http://jabber.org/protocol/muc#user'/></message>`)), "chat", "lounge@rooms.example.com/Alice", "lounge@rooms.example.com/Alice", false, "m1", "m1", "m1", "m1", "m1"},
		{"room with stanza-ids", InRoom(parsed(room), RoomIDs{StanzaIDs: true, Own: echo}), "room", "lounge@rooms.example.com", "lounge@rooms.example.com/Alice", false, "WCzY2cVe", "WCzY2cVe", "a9", "WCzY2cVe", "WCzY2cVe"},
		{"room that passes faked ids", InRoom(parsed(room), RoomIDs{Own: echo}), "room", "lounge@rooms.example.com", "lounge@rooms.example.com/Alice", false, "", "", "a9", "", ""},
		{"own in a room", InRoom(parsed(room), RoomIDs{StanzaIDs: true, Own: jid.MustParse("lounge@rooms.example.com/Alice")}), "room", "lounge@rooms.example.com", "lounge@rooms.example.com/Alice", true, "WCzY2cVe", "WCzY2cVe", "a9", "WCzY2cVe", "WCzY2cVe"},
		{"sent", Sent(parsed(`<message type='chat' from='echo@bot.example.com/r' to='alice@example.com/phone' id='m2'><origin-id xmlns='urn:xmpp:sid:0' id='m2'/></message>`), false), "chat", "alice@example.com", "", true, "m2", "m2", "m2", "m2", "m2"},
		{"sent privately", Sent(parsed(`<message type='chat' from='echo@bot.example.com' to='lounge@rooms.example.com/Alice' id='m2'/>`), true), "chat", "lounge@rooms.example.com/Alice", "", true, "m2", "m2", "m2", "m2", "m2"},
		{"sent to a room", Sent(parsed(`<message type='groupchat' from='echo@bot.example.com/room' to='lounge@rooms.example.com' id='m2'/>`), false), "room", "lounge@rooms.example.com", "", true, "", "", "m2", "", ""},
	} {
		r := c.r
		if r.Kind.String() != c.kind || r.Own.String() != "echo@bot.example.com" || r.Peer.String() != c.peer || r.Author.String() != c.author || r.Mine != c.mine {
			t.Errorf("%s: %+v", c.name, r)
		}
		got, want := [5]string{r.ReplyID(), r.ReactionID(), r.CorrectionID(), r.RetractionID(), r.DisplayedID()}, [5]string{c.reply, c.reaction, c.correction, c.retraction, c.display}
		if got != want {
			t.Errorf("%s: ids %q, want %q", c.name, got, want)
		}
		text := r.String()
		if back, err := ParseRef(text); err != nil || back != r || !IsRef(text) || len(text) > MaxRef {
			t.Errorf("%s: %q reads as %+v, %v", c.name, text, back, err)
		}
	}
	if _, err := ParseRef(Received(parsed(`<message to='echo@bot.example.com' from='a b@@example.com/r' id='1'/>`)).String()); !errors.Is(err, ErrAddress) {
		t.Errorf("an address that nothing can be sent to: %v", err)
	}
}

func TestParseRefErrors(t *testing.T) {
	good := Ref{Own: jid.MustParse("echo@bot.example.com"), Peer: jid.MustParse("alice@example.com"), ID: "m1", Author: jid.MustParse("alice@example.com/phone")}
	text := good.String()
	room := good
	room.Kind, room.Peer = Room, jid.MustParse("lounge@rooms.example.com/nick")
	full := good
	full.Own = jid.MustParse("echo@bot.example.com/r")
	for _, c := range []struct {
		text string
		want error
	}{
		{"", ErrNotRef}, {"m1", ErrNotRef}, {"R1_" + text[3:], ErrNotRef}, {"r2_" + text[3:], ErrNotRef},
		{"r1_", ErrBroken}, {"r1_A", ErrBroken}, {"r1_*", ErrBroken}, {text + "=", ErrBroken}, {text[:len(text)-4], ErrBroken}, {text + "AAAA", ErrBroken},
		{strings.ToLower(text), ErrBroken}, {text[:20] + "\n" + text[20:], ErrBroken}, {"r1_" + strings.Repeat("A", MaxRef), ErrLong},
		{room.String(), ErrAddress}, {full.String(), ErrAddress},
	} {
		if _, err := ParseRef(c.text); !errors.Is(err, c.want) {
			t.Errorf("%q: %v, want %v", c.text, err, c.want)
		}
	}
	for i := len(refPrefix); i < len(text); i++ { // one changed character
		for _, c := range "Aa0_" {
			if other := text[:i] + string(c) + text[i+1:]; other != text {
				if r, err := ParseRef(other); !errors.Is(err, ErrBroken) {
					t.Errorf("%q is taken for %+v, %v", other, r, err)
				}
			}
		}
	}
}

// What does not fit goes, the author first.
func TestRefFits(t *testing.T) {
	r := Ref{Own: jid.MustParse("echo@bot.example.com"), Peer: jid.MustParse("alice@example.com"), ID: "m1", Author: jid.MustParse("alice@example.com/" + strings.Repeat("x", 400))}
	back, err := ParseRef(r.String())
	if err != nil || !back.Author.IsZero() || back.ID != "m1" {
		t.Errorf("%+v %v", back, err)
	}
	if r.ID = strings.Repeat("x", 400); r.String() != "" {
		t.Errorf("a ref of %d characters", len(r.String()))
	}
	if (Ref{}).String() != "" {
		t.Error("the zero Ref has a text")
	}
}

func TestRefAllocatesNothing(t *testing.T) {
	s := parsed(`<message type='chat' to='echo@bot.example.com/x' from='alice@example.com/phone' id='m1'><body>hi</body><origin-id xmlns='urn:xmpp:sid:0' id='m1'/></message>`)
	room := parsed(`<message to='echo@bot.example.com/room' type='groupchat' from='lounge@rooms.example.com/Alice' id='a9'><stanza-id xmlns='urn:xmpp:sid:0' by='lounge@rooms.example.com' id='WCzY2cVe'/></message>`)
	dst := make([]byte, 0, MaxRef)
	for name, r := range map[string]func() Ref{
		"chat": func() Ref { return Received(s) },
		"room": func() Ref { return InRoom(room, RoomIDs{StanzaIDs: true}) },
	} {
		if n := testing.AllocsPerRun(100, func() { dst = r().Append(dst[:0]) }); n != 0 || len(dst) == 0 {
			t.Errorf("%s: %v allocations, %q", name, n, dst)
		}
	}
}

func BenchmarkRef(b *testing.B) {
	s := parsed(`<message type='chat' to='echo@bot.example.com/x' from='alice@example.com/phone' id='m1'><body>hi</body><origin-id xmlns='urn:xmpp:sid:0' id='m1'/></message>`)
	dst := make([]byte, 0, MaxRef)
	b.ReportAllocs()
	for b.Loop() {
		dst = Received(s).Append(dst[:0])
	}
}

func FuzzParseRef(f *testing.F) {
	r := Ref{Own: jid.MustParse("echo@bot.example.com"), Peer: jid.MustParse("alice@example.com"), ID: "m1", OriginID: "o1", Author: jid.MustParse("alice@example.com/phone")}
	for _, kind := range []Kind{Chat, Room} {
		r.Kind = kind
		f.Add(r.String())
		r.OriginID, r.StanzaID, r.Mine = r.ID, "s1", true
		f.Add(r.String())
	}
	f.Add("r1_")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRef(text)
		if err != nil {
			return
		}
		if r.String() != text || len(text) > MaxRef || !r.Own.IsBare() || r.Peer.IsZero() {
			t.Errorf("%q is %+v, which is %q", text, r, r.String())
		}
	})
}

// Every ref of fields that are valid is read as it was written.
func FuzzRef(f *testing.F) {
	f.Add("echo@bot.example.com", "alice@example.com", "m1", "o1", "s1", "alice@example.com/phone", uint8(0))
	f.Add("bot.example.com", "lounge@rooms.example.com", "m1", "m1", "", "lounge@rooms.example.com/Alice", uint8(3))
	f.Fuzz(func(t *testing.T, own, peer, id, origin, room, author string, flags uint8) {
		r := Ref{Kind: Kind(flags & 1), Own: jid.FromServer(own).Bare(), Peer: jid.FromServer(peer), ID: id, OriginID: origin, StanzaID: room, Author: jid.FromServer(author), Mine: flags&2 != 0}
		if r.Kind == Room {
			r.Peer = r.Peer.Bare()
		}
		text := r.String()
		if text == "" {
			return
		}
		back, err := ParseRef(text)
		if errors.Is(err, ErrAddress) {
			for _, j := range []jid.JID{r.Own, r.Peer, r.Author} {
				if n, err := jid.Parse(j.String()); err != nil || n != j {
					return
				}
			}
		}
		if r.Author != back.Author && len(text) < MaxRef/2 {
			t.Errorf("the author %q is lost", r.Author)
		}
		back.Author = r.Author
		if err != nil || back != r {
			t.Errorf("%+v is read as %+v, %v", r, back, err)
		}
	})
}
