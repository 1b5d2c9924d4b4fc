//go:build integration

package webhook

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

const silentConfig = `
components: [{domain: people.localhost, server: %q, secret: %q}]
endpoints: [{name: bot, url: %q}]
room_policy: {self_ping: 10s}
http: {listen: "127.0.0.1:0", insecure_no_auth: true}
store: {dir: %q}
rooms:
%s`

// Rooms in which something does not reach the bot.
const (
	quietRoom   = "quiet@rooms.localhost"   // nothing is said there
	kickedRoom  = "kicked@rooms.localhost"  // that it is kicked
	renamedRoom = "renamed@rooms.localhost" // that it has another nick
	goneRoom    = "gone@rooms.localhost"    // that the room is ended
	muteRoom    = "mute@rooms.localhost"    // the answer to its first self-ping
	bareRoom    = "bare@rooms.localhost"    // the subject
)

var silentRooms = []string{quietRoom, kickedRoom, renamedRoom, goneRoom, muteRoom, bareRoom}

// swallower keeps stanzas from the program, as a server does that forgets them.
type swallower struct {
	mu     sync.Mutex
	rest   []byte // of a piece: the beginning of a stanza
	muteID string // of the first self-ping to the room whose answer is lost
	words  int    // that have come of many
}

var (
	anyStanza = regexp.MustCompile(`(?s)<(presence|message|iq)\b[^>]*/>|<presence\b.*?</presence>|<message\b.*?</message>|<iq\b.*?</iq>`)
	onePing   = regexp.MustCompile(`(?s)<iq\b[^>]*>\s*<ping\b`)
	idOfPing  = regexp.MustCompile(`\bid=['"]([^'"]*)['"]`)
	roomOfIQ  = regexp.MustCompile(`\bto=['"](\w+@rooms\.localhost)/`)
)

// edit passes on whole stanzas of the server, but for those that are swallowed.
func (w *swallower) edit(d harness.Direction, piece []byte) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d == harness.ToServer {
		for _, iq := range onePing.FindAll(piece, -1) {
			room, id := roomOfIQ.FindSubmatch(iq), idOfPing.FindSubmatch(iq)
			if room != nil && id != nil && string(room[1]) == muteRoom && w.muteID == "" {
				w.muteID = string(id[1])
			}
		}
		return piece
	}
	piece = slices.Concat(w.rest, piece)
	w.rest = nil
	whole := 0
	if all := anyStanza.FindAllIndex(piece, -1); all != nil {
		whole = all[len(all)-1][1]
	}
	for _, open := range []string{"<presence", "<message", "<iq"} {
		if at := bytes.Index(piece[whole:], []byte(open)); at >= 0 {
			w.rest, piece = bytes.Clone(piece[whole+at:]), piece[:whole+at]
		}
	}
	return anyStanza.ReplaceAllFunc(piece, func(s []byte) []byte {
		if w.swallows(strings.ReplaceAll(string(s), `"`, "'")) {
			return nil
		}
		return s
	})
}

func (w *swallower) swallows(s string) bool {
	from := func(room string) bool { return strings.Contains(s, " from='"+room) }
	switch {
	case strings.Contains(s, "<body>word "):
		w.words++
		return w.words > wordsHeard
	case from(kickedRoom) || from(goneRoom):
		return strings.Contains(s, " type='unavailable'")
	case from(renamedRoom):
		return strings.Contains(s, " type='unavailable'") || strings.Contains(s, renamedRoom+"/Other'")
	case from(bareRoom):
		return strings.Contains(s, "<subject")
	case from(muteRoom) && strings.HasPrefix(s, "<iq") && w.muteID != "" && strings.Contains(s, " id='"+w.muteID+"'"):
		return true
	}
	return false
}

// firstPings are the first self-ping to each room, and its answer: how many there are depends on the
// time.
type firstPings struct {
	mu  sync.Mutex
	ids map[string]string // by room
}

// isOfSilence chooses what the transcript has: rooms, and of self-pings the first of each.
func (f *firstPings) isOfSilence(s string) bool {
	q := strings.ReplaceAll(s, `"`, "'")
	f.mu.Lock()
	defer f.mu.Unlock()
	if onePing.MatchString(q) && strings.Contains(q, " type='get'") { // ejabberd has it in its errors, too
		room, id := roomOfIQ.FindStringSubmatch(q), idOfPing.FindStringSubmatch(q)
		if room == nil || id == nil || f.ids[room[1]] != "" || room[1] == bareRoom {
			return false
		}
		f.ids[room[1]] = id[1]
		return true
	}
	if strings.HasPrefix(q, "<iq ") {
		id := idOfPing.FindStringSubmatch(q)
		for _, ping := range f.ids {
			if id != nil && id[1] == ping {
				return true
			}
		}
	}
	return isOfRooms(s)
}

// A bot asks each room after a silence whether it is in it (XEP-0410). Where it is, nobody sees
// anything. Where it is not any more, or has another nick, it comes again; a room that is not there any
// more is not made; and one that does not answer is joined anew after a while. A room that does not
// say its subject is joined 15 seconds after it has let the bot in.
func TestRoomsSilentSaid(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.WithManyRooms(harness.ServerOptions(kind, "people")))
		w := &swallower{}
		forgets := harness.NewRelay(t, s.ComponentAddr())
		forgets.Edit(w.edit)
		pings := &firstPings{ids: make(map[string]string)}
		said := harness.NewTranscript(t, pings.isOfSilence, "sybil")
		st := &peopleStage{T: t, listener: newListener(t), said: said}
		st.person = newPerson(t, said.Through("sybil", s.ClientAddr()).Addr(), "sybil")
		st.step("")
		var list strings.Builder
		for _, room := range silentRooms {
			st.makes(room, "<field var='muc#roomconfig_persistentroom'><value>1</value></field>")
			fmt.Fprintf(&list, "  - {jid: %s, from: %s, nick: Echo}\n", room, slixBot)
		}
		file := harness.WriteConfig(t, t.TempDir(), fmt.Sprintf(silentConfig, said.Through("component", forgets.Addr()).Addr(), harness.Secret, st.listener.url, filepath.Join(t.TempDir(), "store"), list.String()))
		said.Beside(silentRooms...)
		st.p = harness.LaunchLinked(t, file)
		for _, room := range silentRooms[:5] {
			st.sees(room+"/Echo", "")
			st.isIn(room)
		}
		st.admin(kickedRoom, "<item nick='Echo' role='none'><reason>enough</reason></item>")
		st.asks("<iq type='set' id='ID' to='%s'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query></iq>", goneRoom)
		if r, err := st.p.Call("POST", "/rest", "", "application/xmpp+xml", "<presence from='echo@people.localhost/room' to='renamed@rooms.localhost/Other'/>"); err != nil || r.Status/100 != 2 {
			t.Fatalf("%+v %v", r, err)
		}
		st.sees(renamedRoom+"/Other", "")
		has := func(room string, parts ...string) {
			t.Helper()
			harness.Eventually(t, fmt.Sprint(room, " with ", parts), func() bool {
				r, err := st.p.Call("GET", pathOf(room), "", "", "")
				for _, part := range parts {
					if err != nil || !strings.Contains(r.Body, part) {
						return false
					}
				}
				return true
			})
		}
		for _, room := range silentRooms[:5] { // the program does not know
			has(room, `"state":"joined"`, `"nick":"Echo"`)
		}
		st.isIn(bareRoom)
		for _, room := range []string{kickedRoom, renamedRoom} {
			st.sees(room+"/Echo", "")
			st.isIn(room)
		}
		// Prosody remembers rooms that were ended; on ejabberd the room would be made anew.
		has(goneRoom, `"state":"refused"`, `"condition":"`+map[lab.Kind]string{lab.Prosody: "gone", lab.Ejabberd: "item-not-found"}[kind]+`"`)
		has(muteRoom, `"state":"waiting"`, `"condition":"remote-server-timeout"`)
		st.isIn(muteRoom)
		harness.Eventually(t, "a self-ping to the quiet room", func() bool {
			pings.mu.Lock()
			defer pings.mu.Unlock()
			return pings.ids[quietRoom] != ""
		})
		for _, room := range []string{quietRoom, kickedRoom, renamedRoom, muteRoom, bareRoom} {
			st.settle(room, true)
		}
		st.listener.mu.Lock()
		for _, ev := range st.listener.came {
			if ev.Type == "room.joined" || ev.Type == "room.left" {
				t.Errorf("once more: %s", ev.raw)
			}
		}
		st.listener.mu.Unlock()
		st.call(200, "GET", pathOf(goneRoom), "")
		said.Compare("rooms-silent", kind, *update)
	})
}
