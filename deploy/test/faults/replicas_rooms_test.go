//go:build integration

package faults

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
	"stanzahook/deploy/lab/natsserver"
)

// A takeover is to rooms what a restart is: the replica that takes over joins those of the
// configuration and those of the API, and what was said meanwhile comes, once and in order.
// People see the bot leave and join once at most. A room that has refused the bot is left
// alone.
func TestFaultsReplicasRooms(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		n, hook := natsserver.Start(t, natsserver.Options{}), newRoomsWebhook(t)
		s := harness.StartServer(t, harness.WithManyRooms(kickOld(harness.ServerOptions(kind, "rooms-bot"))))
		all := makeRooms(t, s, kind, 6)
		configured, byAPI, refusing := all[:3], all[3:5], all[5]
		in := all[:5]
		config := "rooms:\n"
		for _, room := range configured {
			config += keptRoom(room)
		}
		g := startGroup(t, n, func(g *group, name string) string {
			c := load.TrafficConfig(s, "rooms-bot", hook.URL)
			c.Components[0].Server, c.Listen = g.link(name, s), g.listen[name]
			c.Store = fmt.Sprintf(`{nats: {url: "%s", replicas: 1}}`, g.url(name))
			c.Replica = fmt.Sprintf(`{name: %s, failover: 1s, advertise: "http://%s"}`, name, c.Listen)
			c.More = config
			return c.Write(t, t.TempDir())
		})
		people := gather(t, s, in, "alice", "bob")
		put := func(room string) (state string) {
			t.Helper()
			r, err := g.now[g.active].Call("PUT", "/v1/rooms/"+room+"?wait=30s", "token-all", harness.AsJSON, fmt.Sprintf(`{"from":"bot@rooms-bot.localhost","nick":%q}`, roomNick))
			var v struct{ State string }
			if err == nil {
				err = json.Unmarshal([]byte(r.Body), &v)
			}
			if err != nil || r.Status != 200 {
				t.Fatalf("%s: %+v %v", room, r, err)
			}
			return v.State
		}
		for _, room := range append(slices.Clone(byAPI), refusing) {
			put(room)
		}
		carol := harness.Login(t, s, "carol") // she owns all
		carol.Send("<presence to='%s/owner'><x xmlns='http://jabber.org/protocol/muc'/></presence>", refusing)
		carol.Send("<iq type='set' id='kick' to='%s'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='%s' role='none'/></query></iq>", refusing, roomNick)
		carol.Await("the kick", func(r lab.Received) bool { return r.Kind == "iq" && r.ID == "kick" && r.Type == "result" })

		want := []string{refusing + " refused"}
		for _, room := range in {
			want = append(want, room+" joined")
		}
		slices.Sort(want)
		var got []string
		harness.ShowLog(t, "the states of rooms", func() string { return strings.Join(got, "\n") })
		// states waits for those of all rooms.
		states := func() {
			t.Helper()
			harness.Await(t, "the rooms are joined, but the one that has refused", 2*harness.Patience, func() bool {
				got = nil
				r, err := g.now[g.active].Call("GET", "/v1/rooms", "token-all", "", "")
				var v struct {
					Items []struct{ Room, State string }
				}
				if err != nil || json.Unmarshal([]byte(r.Body), &v) != nil {
					return false
				}
				for _, i := range v.Items {
					got = append(got, i.Room+" "+i.State)
				}
				slices.Sort(got)
				return slices.Equal(got, want)
			})
		}
		states()
		first := people.say(2)
		people.awaitSeen(first)
		hook.await(t, first)

		// The stop comes first: it stores the refusal, which a kill within a second would forget.
		for _, how := range []struct {
			name string
			do   func(p *harness.Program)
		}{
			{"the active replica is stopped", func(p *harness.Program) { p.StopWell() }},
			{"the active replica is killed", func(p *harness.Program) { p.Kill() }},
		} {
			people.begin()
			before, next := g.active, g.other()
			said := people.say(3)
			people.awaitSome(said, len(said)/2)
			how.do(g.now[before])
			said = append(said, people.say(3)...)
			people.awaitSeen(said)
			g.takes(next)
			said = append(said, people.say(3)...)
			states()
			people.awaitSeen(said)
			hook.await(t, said)
			people.end(how.name)
			g.start(before)
			g.standsBy(before)
		}
		last := people.say(1)
		people.awaitSeen(last)
		hook.await(t, last)

		hook.mu.Lock()
		defer hook.mu.Unlock()
		people.mu.Lock()
		defer people.mu.Unlock()
		for _, room := range in {
			if heard, order := strings.Join(hook.heard[room], " "), strings.Join(people.order[room], " "); heard != order {
				t.Errorf("%s: the webhook has %s, and people saw %s", room, heard, order)
			}
		}
		for _, p := range hook.problems {
			t.Error(p)
		}
		missed := 0
		for _, was := range hook.missed {
			if was {
				missed++
			}
		}
		t.Logf("%d messages, of which %d were missed; %d came again", len(people.said), missed, hook.again)
	})
}
