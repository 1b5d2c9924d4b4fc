package muc_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
)

var began = time.Date(2026, 11, 28, 3, 0, 0, 0, time.UTC)

func options() muc.Options {
	return muc.Options{Room: jid.MustParse("ops@rooms.example.com"), Self: jid.MustParse("echo@bot.example.com/room"), Nick: "Echo", History: muc.Missed}
}

func newRoom(t testing.TB, o muc.Options, m muc.Mark) *muc.Room {
	t.Helper()
	r, err := muc.New(o, m)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func parsed(format string, args ...any) *stanza.Stanza {
	return stanza.Must(stanza.Parse(fmt.Sprintf(format, args...), stanza.Limits{}))
}

const (
	ownPresence = "<presence from='ops@rooms.example.com/Echo' to='echo@bot.example.com/room'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/><status code='110'/></x></presence>"
	noSubject   = "<message type='groupchat' from='ops@rooms.example.com' to='echo@bot.example.com/room'><subject/></message>"
	groupchat   = "<message type='groupchat' id='%s' from='ops@rooms.example.com/%s' to='echo@bot.example.com/room'><body>%s</body></message>"
	occupant    = "<presence from='ops@rooms.example.com/%s' to='echo@bot.example.com/room'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/></x></presence>"
)

// joinedRoom returns a room that is joined.
func joinedRoom(t testing.TB, o muc.Options, m muc.Mark) *muc.Room {
	t.Helper()
	r := newRoom(t, o, m)
	r.Connected(began)
	for _, s := range []string{ownPresence, noSubject} {
		r.Receive(began, parsed("%s", s))
	}
	if st := r.Status(); st.State != muc.Joined {
		t.Fatalf("state %s", st.State)
	}
	return r
}

func TestNewRefuses(t *testing.T) {
	for want, change := range map[string]func(*muc.Options){
		"room: ":     func(o *muc.Options) { o.Room = jid.MustParse("rooms.example.com") },
		"self: ":     func(o *muc.Options) { o.Self = o.Self.Bare() },
		"nick: ":     func(o *muc.Options) { o.Nick = "" },
		"password: ": func(o *muc.Options) { o.Password = "a\x00b" },
	} {
		o := options()
		change(&o)
		if _, err := muc.New(o, muc.Mark{}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// The mark goes through a store, and stays small.
func TestMarkIsBounded(t *testing.T) {
	r := joinedRoom(t, options(), muc.Mark{})
	for i := range 1000 {
		r.Receive(began.Add(time.Duration(i)*time.Second), parsed(groupchat, fmt.Sprint(i), "Alice", "hi"))
	}
	data, err := json.Marshal(r.Mark())
	if err != nil || len(data) > 4000 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	var m muc.Mark
	if err := json.Unmarshal(data, &m); err != nil || !slices.Equal(m.Seen, r.Mark().Seen) || !m.Last.Equal(began.Add(999*time.Second)) {
		t.Errorf("%+v, %v", m, err)
	}
}

// Of a crowd as many are known as allowed; the others are counted.
func TestOccupantsAreBounded(t *testing.T) {
	o := options()
	o.MaxOccupants = 10
	r := newRoom(t, o, muc.Mark{})
	r.Connected(began)
	for i := range 25 {
		r.Receive(began, parsed(occupant, fmt.Sprint("n", i)))
	}
	r.Receive(began, parsed("%s", ownPresence))
	r.Receive(began, parsed("%s", noSubject))
	if st := r.Status(); st.Occupants != 26 || !st.Cut || len(r.Occupants()) != 11 || st.Role != "participant" {
		t.Errorf("%+v, %d known", st, len(r.Occupants()))
	}
	// those who are only counted are so once, under whatever nick, until they go or are known
	steps := []struct {
		xml string
		n   int
	}{
		{fmt.Sprintf(occupant, "n20"), 26},
		{strings.Replace(strings.Replace(fmt.Sprintf(occupant, "n20"), "<presence ", "<presence type='unavailable' ", 1), "/></x>", " nick='z'/><status code='303'/></x>", 1), 26},
		{fmt.Sprintf(occupant, "z"), 26},
		{strings.Replace(fmt.Sprintf(occupant, "z"), "<presence ", "<presence type='unavailable' ", 1), 25},
		{strings.Replace(fmt.Sprintf(occupant, "n1"), "<presence ", "<presence type='unavailable' ", 1), 24},
		{fmt.Sprintf(occupant, "n21"), 24},
	}
	for _, s := range steps {
		r.Receive(began, parsed("%s", s.xml))
		if n := r.Status().Occupants; n != s.n {
			t.Errorf("%d, not %d, after %s", n, s.n, s.xml)
		}
	}
}

// Whatever a room sends: no panic, and memory and output are bounded.
func TestHostileRoom(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	r := newRoom(t, options(), muc.Mark{First: began.Add(-time.Hour), Last: began.Add(-time.Minute)})
	r.Connected(began)
	now := began
	for range 5_000 {
		now = now.Add(time.Duration(random.IntN(3000)) * time.Millisecond)
		nick := pick("", "/Echo", "/Alice", "/ ", "/&lt;b&gt;", "/Echo-2", fmt.Sprint("/n", random.IntN(9000)))
		from := "ops@rooms.example.com" + nick
		inner := ""
		for range random.IntN(4) {
			inner += pick("<subject/>", "<body>hi</body>", "<x xmlns='http://jabber.org/protocol/muc#user'><item/><status code='"+pick("110", "201", "303", "307", "104", "x")+"'/>"+pick("", "<destroy/>", "<item nick=''/>", "<item nick='Bob'/>")+"</x>",
				"<delay xmlns='urn:xmpp:delay' stamp='"+pick("2026-11-28T02:59:50Z", "never", "")+"'/>", "<stanza-id xmlns='urn:xmpp:sid:0' by='ops@rooms.example.com' id='1'/>",
				"<result xmlns='urn:xmpp:mam:2' id='x'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-11-28T02:59:59Z'/><message xmlns='jabber:client' type='groupchat' from='ops@rooms.example.com/Bob'><body>b</body></message></forwarded></result>",
				"<query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:xmpp:mam:2'/></query>", "<fin xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><first>x</first></set></fin>", "<error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>")
		}
		kind, typ := "presence", pick("", "unavailable", "error")
		switch random.IntN(3) {
		case 0:
			kind, typ = "message", pick("groupchat", "groupchat", "chat", "error")
		case 1:
			kind, typ = "iq", pick("result", "error")
		}
		s, err := stanza.Parse(fmt.Sprintf("<%s type='%s' id='%d' from='%s' to='echo@bot.example.com/room'>%s</%[1]s>", kind, typ, random.IntN(50), from, inner), stanza.Limits{})
		if err != nil {
			continue
		}
		out := r.Receive(now, s)
		if d := r.Deadline(); !d.IsZero() && !d.After(now) {
			more := r.Advance(now)
			out.Send = append(out.Send, more.Send...)
		}
		if len(out.Send) > 20 || len(out.Events) > 2000 {
			t.Fatalf("%d stanzas and %d events of one", len(out.Send), len(out.Events))
		}
		if st := r.Status(); st.State == muc.Refused || st.State == muc.Left {
			r.Retry(now)
		}
	}
	if n := len(r.Occupants()); n > 5001 {
		t.Errorf("%d occupants", n)
	}
}

// A thousand rooms with ten occupants each take at most ten MiB.
func TestMemoryOfRooms(t *testing.T) {
	var some []*stanza.Stanza
	for k := range 60 {
		some = append(some, parsed(occupant, fmt.Sprint("somebody", k%10)), parsed(groupchat, fmt.Sprint(k), "somebody1", "hi"))
	}
	before := heap()
	rooms := make([]*muc.Room, 1000)
	for i := range rooms {
		rooms[i] = joinedRoom(t, options(), muc.Mark{})
		for _, s := range some {
			rooms[i].Receive(began, s)
		}
	}
	if used := heap() - before; used > 10<<20 {
		t.Errorf("%d KiB", used>>10)
	} else {
		t.Logf("%d KiB", used>>10)
	}
	runtime.KeepAlive(rooms)
	runtime.KeepAlive(some)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkGroupchat(b *testing.B) {
	r := joinedRoom(b, options(), muc.Mark{})
	s := parsed(groupchat, "m1", "Alice", "hello everybody")
	b.ReportAllocs()
	for b.Loop() {
		if out := r.Receive(began, s); len(out.Events) != 1 {
			b.Fatal("no event")
		}
	}
}

// What the bot's presence carries goes with each presence of it, and anew when it changes.
func TestPresenceCarries(t *testing.T) {
	o := options()
	status := "one"
	o.Presence = func() string { return "<status>" + status + "</status>" }
	r := newRoom(t, o, muc.Mark{})
	sent := func(out muc.Output) string {
		var all []string
		for _, s := range out.Send {
			if s.Kind == stanza.Presence {
				text, _ := s.Text("status")
				all = append(all, strings.TrimSpace(s.Type+" "+text))
			}
		}
		return strings.Join(all, ", ")
	}
	is := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: sent %q, want %q", what, got, want)
		}
	}
	is("not connected", sent(r.Update()), "")
	is("the join", sent(r.Connected(began)), "one")
	status = "two"
	is("while it joins", sent(r.Update()), "")
	is("in", sent(r.Receive(began, parsed("%s", ownPresence))), "")
	is("joined", sent(r.Receive(began, parsed("%s", noSubject))), "two")
	status = "three"
	is("a change", sent(r.Update()), "three")
	is("another nick", sent(r.SetNick(began, "Other")), "three")
	is("the end", sent(r.Leave(began, "bye")), "unavailable bye")
	is("after it", sent(r.Update()), "")
}

// Whether the room shows addresses is known as soon as the bot is in, and after each change of
// it, also if that comes with others.
func TestAnonymous(t *testing.T) {
	for status, anonymous := range map[string]bool{"<status code='110'/>": true, "<status code='100'/><status code='110'/>": false} {
		r := newRoom(t, options(), muc.Mark{})
		r.Connected(began)
		r.Receive(began, parsed("%s", strings.Replace(ownPresence, "<status code='110'/>", status, 1)))
		r.Receive(began, parsed("%s", noSubject))
		if got := r.Status().Anonymous; got != anonymous {
			t.Errorf("%s: anonymous %t", status, got)
		}
		for _, code := range []string{"172", "173"} {
			out := r.Receive(began, parsed("<message type='groupchat' from='ops@rooms.example.com' to='echo@bot.example.com/room'><x xmlns='http://jabber.org/protocol/muc#user'><status code='104'/><status code='%s'/></x></message>", code))
			if got := r.Status().Anonymous; got != (code == "173") || len(out.Events) != 1 || out.Events[0].Kind != muc.Config || out.Events[0].Code != 104 {
				t.Errorf("%s: anonymous %t, %+v", code, got, out.Events)
			}
		}
	}
}
