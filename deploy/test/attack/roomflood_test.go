//go:build integration

package attack

import (
	"context"
	"fmt"
	"strings"

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
		strike: func(ctx context.Context, st *stage) {
			round++
			c := st.mallory(fmt.Sprint("flood", round))
			st.say(c, "<presence to='%s/mallory'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>", room)
			long := strings.Repeat("x", 60_000)
			for i := range 40 {
				st.say(c, "<message to='%s' type='groupchat'><subject>%d%s</subject></message>", room, i, long)
				st.say(c, "<presence to='%s/%s'><show>%s</show><status>%[3]s</status></presence>", room, []string{"mallory", "Echo ", "mallory-2", "owner"}[i%4], long[:20_000])
				st.say(c, "<message to='%s' type='groupchat' id='f%d'><body>%s</body><result xmlns='urn:xmpp:mam:2' id='1'/></message>", room, i, long)
				st.say(c, "<message to='%s/Echo' type='chat' id='p%d'><body>%s</body></message>", room, i, long)
				if !pace(ctx, 0) {
					break
				}
			}
			last := fmt.Sprint("last-", round)
			st.say(c, "<presence to='%s/mallory'/><message to='%[1]s' type='groupchat' id='%s'><body>%[2]s</body></message>", room, last)
			harness.Eventually(st.t, "the last words of the flood", func() bool {
				for _, h := range st.bot.Got() {
					if h.Body == last && strings.Contains(h.Raw, `"nick":"mallory"`) && strings.Contains(h.Raw, `"affiliation":"none"`) {
						return true
					}
				}
				return false
			})
			_, _ = c.Next(ctx, func(r lab.Received) bool { return r.Body == last })
			_ = c.Close()
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
