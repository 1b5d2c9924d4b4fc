//go:build integration

package link

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// swallower keeps the presence that says that a bot is out of some rooms, or has another nick,
// from the program, as a server does that forgets it.
type swallower struct {
	rooms []string

	mu    sync.Mutex
	rest  []byte          // of a piece: the beginning of a presence
	pings map[string]bool // sent to bots in rooms: their ids
	pongs map[string]bool // answers to these, by room
}

var (
	onePresence = regexp.MustCompile(`(?s)<presence\b[^>]*(?:/>|>.*?</presence>)`)
	onePing     = regexp.MustCompile(`(?s)<iq\b[^>]*>\s*<ping\b`)
	oneIQ       = regexp.MustCompile(`(?s)<iq\b[^>]*>`)
	roomOf      = regexp.MustCompile(`\bfrom=['"](\w+)@rooms\.localhost/`)
	idOf        = regexp.MustCompile(`\bid=['"]([^'"]*)['"]`)
)

func (w *swallower) edit(d harness.Direction, piece []byte) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d == harness.ToServer {
		for _, iq := range onePing.FindAll(piece, -1) {
			w.pings[group(idOf, iq)] = true
		}
		return piece
	}
	piece = append(w.rest, piece...)
	w.rest = nil
	if at := bytes.LastIndex(piece, []byte("<presence")); at >= 0 && onePresence.Find(piece[at:]) == nil {
		w.rest, piece = bytes.Clone(piece[at:]), piece[:at]
	}
	for _, iq := range oneIQ.FindAll(piece, -1) {
		if room := group(roomOf, iq); w.pings[group(idOf, iq)] && room != "" {
			w.pongs[room] = true
		}
	}
	return onePresence.ReplaceAllFunc(piece, func(p []byte) []byte {
		if slices.Contains(w.rooms, group(roomOf, p)) && (bytes.Contains(p, []byte("unavailable")) || bytes.Contains(p, []byte("/Other"))) {
			return nil
		}
		return p
	})
}

func group(r *regexp.Regexp, text []byte) string {
	if m := r.FindSubmatch(text); m != nil {
		return string(m[1])
	}
	return ""
}

func (w *swallower) answered(room string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pongs[room]
}

// After a silence the bot asks each room whether it is in it (XEP-0410). Where it is, nobody
// sees anything. Where it is not any more, or has another nick, it comes again; a room that is
// not there any more is not made.
func TestSelfPingOnServers(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		var list strings.Builder
		list.WriteString("room_policy: {self_ping: 10s}\nrooms:\n")
		rooms := []string{"quiet", "kicked", "renamed", "gone"}
		for _, room := range rooms {
			fmt.Fprintf(&list, "  - {jid: %s@rooms.localhost, from: echo@event.localhost, nick: Echo}\n", room)
		}
		x := newLive(t, roomsServer(t, harness.ServerOptions(kind, "event"), "", nil), list.String())
		w := &swallower{rooms: rooms[1:], pings: make(map[string]bool), pongs: make(map[string]bool)}
		x.relay.Edit(w.edit)
		for _, room := range rooms {
			x.room(room)
		}
		x.launch()
		joined := func(room string) int { return x.count("room.joined", `"jid":"`+room+`@rooms.localhost"`) }
		for _, room := range rooms {
			x.appears(room, "Echo")
			harness.Eventually(t, "the bot is in "+room, func() bool { return joined(room) == 1 })
		}
		x.kicks("kicked", "Echo")
		x.alice.Send("<iq type='set' id='end' to='gone@rooms.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query></iq>")
		x.alice.Await("the end of the room", func(r lab.Received) bool { return r.Kind == "iq" && r.ID == "end" && r.Type == "result" })
		if r, err := x.p.Call("POST", "/rest", "", "application/xmpp+xml", "<presence from='echo@event.localhost/room' to='renamed@rooms.localhost/Other'/>"); err != nil || r.Status/100 != 2 {
			t.Fatalf("%+v %v", r, err)
		}
		x.appears("renamed", "Other")
		for _, room := range rooms { // the program does not know
			x.call("GET", "/v1/rooms/"+room+"@rooms.localhost", "", 200, `"state":"joined"`, `"nick":"Echo"`)
		}

		x.appears("kicked", "Echo")
		x.appears("renamed", "Echo")
		harness.Eventually(t, "the bot knows that it is in again", func() bool { return joined("kicked") == 2 && joined("renamed") == 2 })
		// Prosody remembers rooms that were destroyed; on ejabberd the room would be made anew.
		condition := map[lab.Kind]string{lab.Prosody: "gone", lab.Ejabberd: "item-not-found"}[kind]
		harness.Eventually(t, "the bot knows that the room is gone", func() bool {
			r, err := x.p.Call("GET", "/v1/rooms/gone@rooms.localhost", "", "", "")
			return err == nil && strings.Contains(r.Body, `"state":"refused"`) && strings.Contains(r.Body, `"condition":"`+condition+`"`)
		})
		harness.Eventually(t, "an answer of the room that has the bot", func() bool { return w.answered("quiet") })
		for _, room := range rooms[:3] {
			x.says(room, "no answer: are you in "+room, "")
			x.event(toEcho, `"body":"no answer: are you in `+room+`"`, `"missed":false`)
		}
		if n := joined("quiet"); n != 1 {
			t.Errorf("the room that has the bot was joined %d times", n)
		}
		if n := x.count("room.left"); n != 0 {
			t.Errorf("%d rooms were left", n)
		}
	})
}
