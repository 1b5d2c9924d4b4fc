package muc

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// What a room holds of an occupant is all that its presence said, in whatever order people come, go
// and change: compared with a map.
func TestOccupantsAsInMap(t *testing.T) {
	r, err := New(Options{Room: jid.MustParse("ops@rooms.example.com"), Self: jid.MustParse("echo@bot.example.com/room"), Nick: "Echo"}, Mark{})
	if err != nil {
		t.Fatal(err)
	}
	r.occupantIDs = true
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	want := make(map[string]Occupant)
	for i := range 20_000 {
		nick := pick("", "A", "a", "ä", "Z", "🤖", "n") + pick("", "1", "2", "10")
		switch random.IntN(4) {
		case 0, 1:
			o := Occupant{Nick: nick, ID: pick("", "", "id-"+nick), Affiliation: pick("", "owner", "none", "strange"), Role: pick("moderator", "participant", "odd"), Show: pick("", "away", "brb"), Status: pick("", "", "back soon")}
			if random.IntN(2) == 0 {
				o.JID = jid.FromServer("Juliet@example.com/" + nick)
			}
			before, known := r.put(&o)
			if was, had := want[nick]; known != had || before != was {
				t.Fatalf("%d: before %+v, not %+v", i, before, was)
			}
			if o.Stay = want[nick].Stay; o.Stay == 0 {
				o.Stay = int(r.stays)
			}
			want[nick] = o
		case 2:
			gone, was := r.remove(nick), want[nick]
			was.Nick = nick
			if gone != was {
				t.Fatalf("%d: gone %+v, not %+v", i, gone, was)
			}
			delete(want, nick)
		case 3:
			to := pick("A", "ä", "Z1", "new")
			r.rename(nick, to)
			if o, ok := want[nick]; ok {
				delete(want, nick)
				o.Nick = to
				want[to] = o
			}
		}
		if i%100 == 0 {
			all := r.Occupants()
			if len(all) != len(want) || !slices.IsSortedFunc(all, func(a, b Occupant) int { return strings.Compare(a.Nick, b.Nick) }) {
				t.Fatalf("%d: %d occupants, not %d", i, len(all), len(want))
			}
			for _, o := range all {
				if o != want[o.Nick] || r.author(o.Nick) != o {
					t.Fatalf("%d: %+v, not %+v", i, o, want[o.Nick])
				}
			}
		}
	}
}

// A thousand rooms have ten thousand occupants, and what is in a room is there a thousand times: of one who hides behind a nick, a room holds 40 bytes
// and the nick, and nothing of the stanza that showed him.
func TestOccupantIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(occupant{}); n > 40 {
		t.Errorf("an occupant has %d bytes", n)
	}
	if n := unsafe.Sizeof(Room{}); n > 896 { // the next size that is allocated is 1024
		t.Errorf("a room has %d bytes", n)
	}
	r, err := New(Options{Room: jid.MustParse("ops@rooms.example.com"), Self: jid.MustParse("echo@bot.example.com/room"), Nick: "Echo"}, Mark{})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_700_000_000, 0)
	r.Connected(now)
	s := stanza.Must(stanza.Parse(fmt.Sprintf("<presence from='ops@rooms.example.com/Alice' to='echo@bot.example.com/room'><status>%s</status><x xmlns='%s'><item affiliation='owner' role='moderator' jid='alice@example.com/phone'/></x><occupant-id xmlns='%s' id='secret'/></presence>", "back soon", nsUser, nsOccupant), stanza.Limits{}))
	r.Receive(now, s)
	o := r.find("Alice")
	if o == nil || o.more == nil {
		t.Fatalf("%+v", o)
	}
	raw := s.XML()
	begin := uintptr(unsafe.Pointer(unsafe.StringData(raw)))
	for _, text := range []string{o.nick, o.more.id, o.more.status, o.more.jid.String()} {
		if at := uintptr(unsafe.Pointer(unsafe.StringData(text))); text == "" || at >= begin && at < begin+uintptr(len(raw)) {
			t.Errorf("%q is a part of the stanza", text)
		}
	}
}
