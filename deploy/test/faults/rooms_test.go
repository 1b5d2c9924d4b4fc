//go:build integration

package faults

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// People talk in twenty rooms, half of which have an archive, and meanwhile we are killed,
// the link is cut, the server restarts. What was said comes once, in the room's order; what
// the archive or the history had is not missing; people see the bot leave and join once at
// most each time. On ejabberd a room keeps a ghost while the link is cut: it is gone when the
// link is back.
func TestFaultsRooms(t *testing.T) {
	const rooms = 20
	kills, restarts, cuts := 1, 1, 1
	if harness.FullFaults() {
		kills, restarts, cuts = 10, 5, 5
	}
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		f := newRoomFaults(t, kind, rooms)
		for i := range max(kills, restarts, cuts) {
			if i < kills {
				f.kill()
			}
			if i < cuts {
				f.cut(i%2 == 1)
			}
			if i < restarts {
				f.restart(i%2 == 0)
			}
		}
		f.account().Close(t)
	})
}

// roomFaults is a bot in rooms with people, and the ways to disturb it.
type roomFaults struct {
	*testing.T
	*gathering
	server *lab.Server
	way    *harness.Relay
	hook   *roomsWebhook
	p      *harness.Program
	file   string
	away   map[string]bool    // texts that were under way when the server ended
	most   map[string]float64 // figures
}

// archived reports whether a room has an archive: every other one.
func archived(i int) bool { return i%2 == 0 }

// makeRooms lets somebody make so many rooms that stay, and returns their addresses.
func makeRooms(t *testing.T, s *lab.Server, kind lab.Kind, n int) (all []string) {
	t.Helper()
	owner := harness.Login(t, s, "carol")
	for i := range n {
		room := fmt.Sprintf("r%d@rooms.localhost", i)
		all = append(all, room)
		more := ""
		if archived(i) {
			more = harness.ArchivedRoom(kind)
		}
		owner.Send("<presence to='%s/owner'><x xmlns='http://jabber.org/protocol/muc'/></presence>", room)
		owner.Send("<iq type='set' id='c%d' to='%s'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field><field var='muc#roomconfig_persistentroom'><value>1</value></field>%s</x></query></iq>", i, room, more)
		if r := owner.Await("the configuration", func(r lab.Received) bool { return r.Kind == "iq" && r.ID == fmt.Sprint("c", i) }); r.Type != "result" {
			t.Fatalf("%+v", r)
		}
	}
	_ = owner.Close()
	return all
}

// keptRoom is a room in the configuration.
func keptRoom(room string) string {
	return fmt.Sprintf("  - {jid: %s, from: bot@rooms-bot.localhost, nick: %s}\n", room, roomNick)
}

func newRoomFaults(t *testing.T, kind lab.Kind, rooms int) *roomFaults {
	f := &roomFaults{T: t, server: harness.StartServer(t, harness.WithManyRooms(harness.ServerOptions(kind, "rooms-bot"))), hook: newRoomsWebhook(t),
		away: make(map[string]bool), most: make(map[string]float64)}
	f.way = harness.NewRelay(t, f.server.ComponentAddr())
	all := makeRooms(t, f.server, kind, rooms)
	config := "rooms:\n"
	for _, room := range all {
		config += keptRoom(room)
	}
	f.gathering = gather(t, f.server, all, "alice", "bob")
	c := load.TrafficConfig(f.server, "rooms-bot", f.hook.URL)
	c.Components[0].Server = f.way.Addr()
	c.More = config
	f.file = c.Write(t, t.TempDir())
	f.p = harness.LaunchFile(t, f.file)
	f.awaitJoined(rooms)
	first := f.say(2)
	f.awaitSeen(first)
	f.hook.await(t, first)
	return f
}

// joined counts the joins of this process.
func (f *roomFaults) joined() int {
	return strings.Count(f.p.Log.String(), `"msg":"room joined"`)
}

func (f *roomFaults) awaitJoined(n int) {
	f.Helper()
	harness.Await(f.T, "the bot is in all rooms", 2*harness.Patience, func() bool { return f.joined() >= n })
}

// during lets a fault happen while people talk: before, and while it happens lets them say
// more. When it is over all that was said has to come, and what is said then.
func (f *roomFaults) during(what string, happens func()) {
	f.Helper()
	f.begin()
	happens()
	f.gathering.end(what)
	last := f.say(2)
	f.awaitSeen(last)
	f.hook.await(f.T, last)
	if n := f.countGhosts(); n > 0 {
		f.most["errors in the bot's name, messages"] += float64(n)
	}
	f.begin()
	calm := f.say(1)
	f.awaitSeen(calm)
	f.hook.await(f.T, calm)
	if n := f.countGhosts(); n > 0 {
		f.Errorf("%s: after it is over people get %d errors in the bot's name", what, n)
	}
}

// kill kills the program in the middle of what people say.
func (f *roomFaults) kill() {
	f.during("we are killed", func() {
		said := f.say(3)
		f.awaitSome(said, len(said)/2)
		f.p.Kill()
		said = append(said, f.say(3)...)
		f.awaitSeen(said)
		f.p = harness.LaunchFile(f.T, f.file)
		said = append(said, f.say(3)...)
		f.awaitJoined(len(f.rooms))
		f.awaitSeen(said)
		f.hook.await(f.T, said)
	})
}

// cut cuts the link, and opens it when people have said something; silent: it is not refused
// meanwhile, but nothing comes back.
func (f *roomFaults) cut(silent bool) {
	f.during("the link is cut", func() {
		before := f.joined()
		said := f.say(3)
		f.awaitSome(said, len(said)/2)
		if silent {
			f.way.Silence(true)
		} else {
			f.way.Shut.Store(true)
		}
		f.way.Cut()
		said = append(said, f.say(3)...)
		f.awaitSeen(said)
		back := time.Now()
		f.way.Silence(false)
		f.way.Shut.Store(false)
		said = append(said, f.say(3)...)
		f.awaitJoined(before + len(f.rooms))
		const name = "link back until in all rooms, at most, s"
		f.most[name] = max(f.most[name], time.Since(back).Seconds())
		f.awaitSeen(said)
		f.hook.await(f.T, said)
	})
}

// restart restarts the server in the middle of what people say. With early they say more
// before the link is back.
func (f *roomFaults) restart(early bool) {
	f.during("the server restarts", func() {
		before := f.joined()
		f.way.Shut.Store(early)
		for _, text := range f.say(3) {
			f.away[text] = true
		}
		require.NoError(f, f.server.Stop(f.Context()))
		require.NoError(f, f.server.Restart(f.Context()))
		f.come()
		said := f.say(3)
		if early {
			f.awaitSeen(said)
			f.way.Shut.Store(false)
			said = append(said, f.say(3)...)
		}
		f.awaitJoined(before + len(f.rooms))
		f.awaitSeen(said)
		f.hook.await(f.T, said)
	})
}

// account draws up what became of all that the rooms had.
func (f *roomFaults) account() load.Balance {
	f.Helper()
	a := load.Balance{Way: load.FromRooms, Figures: f.most}
	for i, room := range f.rooms {
		truth := f.order[room]
		if archived(i) {
			truth = f.archive(room)
			for _, text := range f.order[room] {
				if !slices.Contains(truth, text) {
					f.Errorf("%s: people saw %s, and the archive does not have it", room, text)
				}
			}
		}
		heard := f.hook.heard[room]
		place := make(map[string]int)
		for n, text := range heard {
			place[text] = n
		}
		last := -1
		for _, text := range truth {
			a.Sent++
			n, came := place[text]
			switch {
			case !came && !archived(i) && f.away[text]:
				a.Loses(load.LostOnTheWay)
			case !came:
				f.Errorf("%s has %s, and the webhook does not", room, text)
				a.Loses("")
			default:
				a.Delivered++
				a.Answered++
				if n < last {
					f.Errorf("%s: %s came too late: %s", room, text, strings.Join(heard, " "))
					a.Disorder++
				}
				last = max(last, n)
			}
		}
		if archived(i) && len(heard) > len(truth) {
			f.Errorf("%s: the webhook has %d messages, the archive %d", room, len(heard), len(truth))
		}
	}
	a.Duplicates = f.hook.again
	for _, text := range f.said {
		if f.hook.missed[text] {
			f.most["of these missed, messages"]++
		}
	}
	for _, p := range f.hook.problems[:min(len(f.hook.problems), 10)] {
		f.Error(p)
	}
	return a
}
