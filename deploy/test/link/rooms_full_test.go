//go:build integration

package link

import (
	"bytes"
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// occupiers are a component whose users are in rooms, and do nothing there.
type occupiers struct {
	t     *testing.T
	conn  net.Conn
	in    atomic.Int64 // how many of them the room has let in
	bytes atomic.Int64 // that have come
}

var (
	streamID    = regexp.MustCompile(`\bid=['"]([^'"]+)['"]`)
	ownPresence = []byte("='110'") // of both servers
)

func newOccupiers(t *testing.T, s *lab.Server, domain string) *occupiers {
	t.Helper()
	conn, err := net.Dial("tcp", s.ComponentAddr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := &occupiers{t: t, conn: conn}
	buf := make([]byte, 1<<20)
	c.send("<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='%s'>", domain)
	n, err := conn.Read(buf)
	id := streamID.FindSubmatch(buf[:n])
	if err != nil || id == nil {
		t.Fatalf("instead of a stream: %q %v", buf[:n], err)
	}
	c.send("<handshake>%x</handshake>", sha1.Sum([]byte(string(id[1])+harness.Secret)))
	if n, err = conn.Read(buf); err != nil || !bytes.Contains(buf[:n], []byte("<handshake")) {
		t.Fatalf("instead of a handshake: %q %v", buf[:n], err)
	}
	go func() {
		rest := 0 // of a code in two pieces
		for {
			n, err := conn.Read(buf[rest:])
			if err != nil {
				return // closed
			}
			c.bytes.Add(int64(n))
			piece := buf[:rest+n]
			c.in.Add(int64(bytes.Count(piece, ownPresence)))
			rest = copy(buf, piece[max(0, len(piece)-len(ownPresence)+1):])
		}
	}()
	return c
}

func (c *occupiers) send(format string, args ...any) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c.conn, format, args...); err != nil {
		c.t.Fatal(err)
	}
}

// A room of a server in which 200 are; with STANZAHOOK_FAULTS=full 5,000 on ejabberd, and 2,000 on
// Prosody, which looks at all occupants several times when one comes: 5,000 would take it a quarter
// of an hour. If all saw all, 5,000 would be sent 12.5 million presences: so the room shows to nobody who
// comes, until all are there. Then the bot joins, and the room sends it all of them: it knows them, no
// event is made of any, and what somebody says then is one.
func TestFullRoom(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		crowd := 200
		if harness.FullFaults() {
			crowd = map[lab.Kind]int{lab.Prosody: 2000, lab.Ejabberd: 5000}[kind]
		}
		known, cut := crowd+2, false
		if crowd == 5000 {
			known, cut = 5001, true // the bot itself is known in any case
		}
		o := harness.ServerOptions(kind, "event", "crowd")
		dir := t.TempDir()
		if kind == lab.Prosody {
			// From then on presence is for all, of those who come; those who are there are not told.
			o.PluginPath = dir
			module := "module:hook(\"muc-occupant-pre-join\", function (event)\n\tif event.stanza.attr.from:match(\"^echo@event\") then event.room._data.presence_broadcast = nil; end\nend, 100);\n"
			if err := os.WriteFile(filepath.Join(dir, "mod_shown.lua"), []byte(module), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		s := roomsServer(t, o, "\tmodules_enabled = { \"shown\" }\n", map[string]any{"modules": map[string]any{"mod_muc": map[string]any{"max_users": 2 * crowd, "max_users_presence": 2 * crowd}}})
		x := newLive(t, s, "rooms: [{jid: full@rooms.localhost, from: echo@event.localhost, nick: Echo}]\n")
		shownOf := func(roles ...string) string {
			values := ""
			for _, role := range roles {
				values += "<value>" + role + "</value>"
			}
			return "<field var='muc#roomconfig_maxusers'><value>10000</value></field><field var='muc#roomconfig_presencebroadcast'>" + values + "</field>"
		}
		x.roomWith("full", shownOf("moderator"))
		began := time.Now()
		c := newOccupiers(t, s, "crowd.localhost")
		var all strings.Builder
		for i := range crowd {
			fmt.Fprintf(&all, "<presence from='u%d@crowd.localhost/r' to='full@rooms.localhost/n%[1]d'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>", i)
		}
		c.send("%s", all.String())
		harness.Await(t, "all are in the room", 10*time.Minute, func() bool { return c.in.Load() >= int64(crowd) })
		t.Logf("%d are in the room after %v, %d bytes", c.in.Load(), time.Since(began), c.bytes.Load())
		if kind == lab.Ejabberd {
			x.alice.Send(submitForm, "full", shownOf("moderator", "participant", "visitor"))
			x.alice.Await("the room is changed", func(r lab.Received) bool { return r.Kind == "iq" && r.ID == "open" && r.Type == "result" })
		}
		x.launch()
		began = time.Now()
		x.event("room.joined", toEcho)
		t.Logf("the bot is in it %v after its start, with %d MiB", time.Since(began), x.p.ResidentNow()>>20)
		const path = "/v1/rooms/full@rooms.localhost"
		x.call("GET", path, "", 200, fmt.Sprintf(`"occupants":%d,"occupants_cut":%t`, crowd+2, cut))
		var list struct{ Items []struct{ Nick string } }
		if err := json.Unmarshal([]byte(x.call("GET", path+"/occupants", "", 200)), &list); err != nil || len(list.Items) != known {
			t.Errorf("%d are known, %v", len(list.Items), err)
		}
		x.says("full", "no answer: it is full", "")
		x.event(toEcho, `"body":"no answer: it is full"`, `"nick":"alice"`, `"affiliation":"owner"`)
		if n := x.count("room.occupant"); n != 0 {
			t.Errorf("%d events of occupants", n)
		}
		if n := len(x.bot.Got()); n > 10 {
			t.Errorf("%d events", n)
		}
	})
}
