//go:build integration

package link

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

var missedBody = regexp.MustCompile(`"body":"word (\d+)"`)

// What was said while the bot was away comes from the room's archive where it has one: all of
// it, also where that is more than a page, and much more than the room's history; no more than
// the policy allows, and then the newest. Where the room has no archive, what its history has
// comes. Each message once, in its order, before what is live.
func TestMissedInRooms(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		const (
			said    = 230 // three pages
			most    = 250
			history = 20 // of both servers, by default
		)
		x := newLive(t, harness.StartServer(t, harness.WithManyRooms(harness.ServerOptions(kind, "event"))), fmt.Sprintf(`
rooms:
  - {jid: archived@rooms.localhost, from: echo@event.localhost, nick: Echo}
  - {jid: plain@rooms.localhost, from: echo@event.localhost, nick: Echo}
room_policy: {catch_up: {max: %d}}
`, most))
		x.roomWith("archived", harness.ArchivedRoom(kind))
		x.room("plain")
		x.bot.AnswerWith(func(*harness.Hook) (int, string, string) { return 204, "", "" })
		x.launch()
		rooms := []string{"archived", "plain"}
		n := map[string]int{}
		say := func(room string, count int) {
			t.Helper()
			for range count {
				n[room]++
				x.alice.Send("<message to='%s@rooms.localhost' type='groupchat' id='%[1]s%d'><body>word %[2]d</body></message>", room, n[room])
			}
			x.hears(room, "alice", fmt.Sprint("word ", n[room]))
		}
		// heard are the words of a room as they came, and how many of them were missed
		heard := func(room string) (all []string, missed int) {
			for _, h := range x.bot.Got() {
				m := missedBody.FindStringSubmatch(h.Raw)
				if m == nil || !strings.Contains(h.Raw, `"jid":"`+room+`@rooms.localhost"`) {
					continue
				}
				if all = append(all, m[1]); strings.Contains(h.Raw, `"missed":true`) {
					missed++
				}
			}
			return all, missed
		}
		hears := func(room, what string, missed int, ranges ...int) {
			t.Helper()
			x.event(toEcho, `"jid":"`+room+`@rooms.localhost"`, fmt.Sprintf(`"body":"word %d"`, n[room]))
			var want []string
			for i := 0; i < len(ranges); i += 2 {
				for j := ranges[i]; j <= ranges[i+1]; j++ {
					want = append(want, fmt.Sprint(j))
				}
			}
			if got, of := heard(room); strings.Join(got, " ") != strings.Join(want, " ") || of != missed {
				t.Errorf("%s, %s: %q, of which %d were missed; want %d of %d", room, what, got, of, missed, ranges)
			}
		}
		again := func() {
			t.Helper()
			joined := map[string]int{}
			for _, room := range rooms {
				joined[room] = x.count("room.joined", `"jid":"`+room+`@rooms.localhost"`)
			}
			x.launch()
			for _, room := range rooms {
				harness.Eventually(t, "the bot is in "+room, func() bool {
					return x.count("room.joined", `"jid":"`+room+`@rooms.localhost"`) > joined[room]
				})
			}
		}
		for _, room := range rooms {
			x.event("room.joined", `"jid":"`+room+`@rooms.localhost"`)
			say(room, 1)
			hears(room, "live", 0, 1, 1)
		}
		x.p.StopWell()
		for _, room := range rooms {
			say(room, said)
		}
		again()
		for _, room := range rooms {
			say(room, 1)
		}
		hears("archived", "three pages", said, 1, said+2)
		hears("plain", "its history", history, 1, 1, said+2-history, said+2)

		x.p.StopWell()
		say("archived", most+30)
		again()
		// what is said before the archive has answered would count as well
		x.event(toEcho, `"jid":"archived@rooms.localhost"`, fmt.Sprintf(`"body":"word %d"`, n["archived"]), `"missed":true`)
		say("archived", 1)
		hears("archived", "more than may be", said+most, 1, said+2, said+33, n["archived"])
	})
}
