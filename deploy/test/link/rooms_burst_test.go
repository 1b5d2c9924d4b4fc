//go:build integration

package link

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// Much is said within a moment, and in the midst of it the connection breaks: the second in
// which it broke has more messages than the bot remembers, some heard and some not. Each comes
// once, in order.
func TestMissedWithinASecond(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		const said, heard = 400, 170
		x := newLive(t, harness.StartServer(t, harness.WithManyRooms(harness.ServerOptions(kind, "event"))), "rooms: [{jid: burst@rooms.localhost, from: echo@event.localhost, nick: Echo}]\n")
		x.bot.AnswerWith(func(*harness.Hook) (int, string, string) { return 204, "", "" })
		x.roomWith("burst", harness.ArchivedRoom(kind))
		x.launch()
		x.event("room.joined", toEcho)
		var came atomic.Int64
		x.relay.Passes(func(d harness.Direction, piece []byte) bool {
			return d == harness.ToServer || came.Add(int64(bytes.Count(piece, []byte("<body>word ")))) <= heard
		})
		var all strings.Builder
		for i := range said {
			fmt.Fprintf(&all, "<message to='burst@rooms.localhost' type='groupchat' id='w%d'><body>word %[1]d</body></message>", i+1)
		}
		x.alice.Send("%s", all.String())
		x.hears("burst", "alice", fmt.Sprint("word ", said))
		x.relay.Passes(nil)
		x.relay.Cut()
		x.event(toEcho, fmt.Sprintf(`"body":"word %d"`, said))
		x.says("burst", "live again", "")
		x.event(toEcho, `"body":"live again"`)
		var words []string
		missed := 0
		for _, h := range x.bot.Got() {
			if m := missedBody.FindStringSubmatch(h.Raw); m != nil {
				if words = append(words, m[1]); strings.Contains(h.Raw, `"missed":true`) {
					missed++
				}
			}
		}
		want := make([]string, said)
		for i := range want {
			want[i] = fmt.Sprint(i + 1)
		}
		if strings.Join(words, " ") != strings.Join(want, " ") || missed == 0 || missed == said {
			t.Errorf("%d came, %d of them missed: %q", len(words), missed, words)
		}
		t.Logf("heard %d, missed %d", said-missed, missed)
	})
}
