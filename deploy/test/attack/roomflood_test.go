//go:build integration

package attack

import (
	"context"
	"fmt"
	"strings"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

func roomAttacks() []attack { return []attack{roomFlood()} }

// Somebody floods a room of the bot with subjects, names, states and large messages, as the
// server lets them: the bot stays in, knows who is there, and others do not wait.
func roomFlood() attack {
	const room = "flooded@rooms.localhost"
	round := 0
	return attack{
		name: "room flood",
		set: func(st *stage) {
			st.more += fmt.Sprintf("rooms: [{jid: %s, from: \"echo@%s\", nick: Echo, create: true}]\n", room, st.domain)
		},
		ready: func(st *stage) {
			harness.Eventually(st.t, "the bot is in the room", func() bool { return strings.Contains(st.program.Log.String(), `"msg":"room joined"`) })
		},
		// The same flood in a room without the bot takes the machine and the server as much.
		beside: func(ctx context.Context, st *stage) {
			round++
			room := fmt.Sprintf("other-%d@rooms.localhost", round)
			witness := st.mallory(fmt.Sprint("witness", round))
			st.say(witness, "<presence to='%s/witness'><x xmlns='http://jabber.org/protocol/muc'/></presence>", room)
			st.say(witness, "<iq type='set' id='open' to='%s'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>", room)
			_, err := witness.Next(ctx, func(r lab.Received) bool { return r.Kind == "iq" && r.ID == "open" })
			if err != nil {
				st.t.Errorf("the other room: %v", err)
			}
			flood(ctx, st, room, "witness", fmt.Sprint("other", round))
			_ = witness.Close()
		},
		strike: func(ctx context.Context, st *stage) {
			round++
			last := flood(ctx, st, room, "Echo", fmt.Sprint("flood", round))
			harness.Eventually(st.t, "the last words of the flood", func() bool {
				for _, h := range st.bot.Got() {
					if h.Body == last && strings.Contains(h.Raw, `"nick":"mallory"`) && strings.Contains(h.Raw, `"affiliation":"none"`) {
						return true
					}
				}
				return false
			})
		},
		holds: func(st *stage) {
			if n := strings.Count(st.program.Log.String(), `"msg":"room joined"`); n != 1 {
				st.t.Errorf("the bot joined %d times", n)
			}
			status, _, body := st.call("GET", "/v1/rooms/"+room, "admin", "")
			if status != 200 || !strings.Contains(body, `"state":"joined"`) || len(body) > 6000 {
				st.t.Errorf("%d, %d bytes: %.500s", status, len(body), body)
			}
		},
	}
}

// flood floods a room that somebody is in, and returns the last words, which have come back.
func flood(ctx context.Context, st *stage, room, somebody, name string) (last string) {
	c := st.mallory(name)
	st.say(c, "<presence to='%s/mallory'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>", room)
	long := strings.Repeat("x", 60_000)
	for i := range 40 {
		for _, words := range []string{
			fmt.Sprintf("<message to='%s' type='groupchat'><subject>%d%s</subject></message>", room, i, long),
			fmt.Sprintf("<presence to='%s/%s'><show>%s</show><status>%[3]s</status></presence>", room, []string{"mallory", "Echo ", "mallory-2", "owner"}[i%4], long[:20_000]),
			fmt.Sprintf("<message to='%s' type='groupchat' id='f%d'><body>%s</body><result xmlns='urn:xmpp:mam:2' id='1'/></message>", room, i, long),
			fmt.Sprintf("<message to='%s/%s' type='chat' id='p%d'><body>%s</body></message>", room, somebody, i, long),
		} {
			st.say(c, "%s", words)
			pace(ctx, 10*time.Millisecond)
		}
		if ctx.Err() != nil {
			break
		}
	}
	last = "last-" + name
	st.say(c, "<presence to='%s/mallory'/><message to='%[1]s' type='groupchat' id='%s'><body>%[2]s</body></message>", room, last)
	_, _ = c.Next(ctx, func(r lab.Received) bool { return r.Body == last })
	_ = c.Close()
	return last
}
