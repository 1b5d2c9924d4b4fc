//go:build integration

package attack

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	refs "stanzahook/pkg/message"
)

// Whatever a real server lets people write into a room, the bot is not fooled about who
// speaks, when, and what the room says; nothing that is said is hidden from it, neither
// live nor after an absence.
func TestRoomFakes(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		r := newFakedRooms(t, kind)
		inner := hostileMessages(t)
		if len(inner) < 70 {
			t.Fatalf("%d fakes", len(inner))
		}
		for _, room := range r.rooms {
			for i, text := range inner {
				r.says(r.mallory, room, fmt.Sprint("live-", i), text)
			}
			r.says(r.alice, room, "calm", "")
		}
		r.check(len(inner), "live")
		r.absent(func() {
			for _, room := range r.rooms {
				for i, text := range lying(room) {
					r.says(r.mallory, room, fmt.Sprint("missed-", i), text)
				}
				r.says(r.alice, room, "between", "")
			}
		})
		r.check(len(lying("")), "missed")
		r.absent(func() { // what was stamped in the future must not hide what comes next
			for _, room := range r.rooms {
				r.says(r.alice, room, "later", "")
			}
		})
		for _, text := range []string{"calm", "between", "later"} {
			for _, room := range r.rooms {
				r.await(room, text, "alice", "owner", text != "calm")
			}
		}
		if n := strings.Count(r.p.Log.String(), `"msg":"room joined"`); n != len(r.rooms) {
			t.Errorf("the last process joined %d times", n)
		}
	})
}

// fakedRooms are two rooms of alice, one with an archive, with a bot and mallory in them.
type fakedRooms struct {
	*testing.T
	rooms          []string
	alice, mallory harness.User
	bot            *harness.Bot
	p              *harness.Program
	file           string
	ids            map[string]string // of the room, by room and text, as alice got them; empty: it sets none
}

func newFakedRooms(t *testing.T, kind lab.Kind) *fakedRooms {
	o := harness.WithManyRooms(harness.ServerOptions(kind, "rooms-bot"))
	s := harness.StartServer(t, o)
	r := &fakedRooms{T: t, rooms: []string{"plain@rooms.localhost", "archived@rooms.localhost"}, bot: harness.NewBot(t), ids: make(map[string]string)}
	r.bot.AnswerWith(func(*harness.Hook) (int, string, string) { return 204, "", "" })
	r.alice, r.mallory = harness.Login(t, s, "alice"), harness.Login(t, s, "mallory")
	c := harness.OneComponent(s, "rooms-bot", r.bot)
	config := "rooms:\n"
	for i, room := range r.rooms {
		more := ""
		if i == 1 {
			more = harness.ArchivedRoom(kind)
		}
		r.alice.Send("<presence to='%s/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>", room)
		r.alice.Send("<iq type='set' id='c%d' to='%s'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field><field var='muc#roomconfig_whois'><value>anyone</value></field><field var='muc#roomconfig_changesubject'><value>1</value></field>%s</x></query></iq>", i, room, more)
		if a := r.alice.Await("the configuration", func(a lab.Received) bool { return a.Kind == "iq" && a.ID == fmt.Sprint("c", i) }); a.Type != "result" {
			t.Fatalf("%+v", a)
		}
		r.mallory.Send("<presence to='%s/mallory'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>", room)
		config += fmt.Sprintf("  - {jid: %s, from: echo@rooms-bot.localhost, nick: Echo}\n", room)
	}
	r.file = c.Write(t, t.TempDir())
	text, err := os.ReadFile(r.file)
	if err == nil {
		err = os.WriteFile(r.file, []byte(strings.Replace(string(text), "    format: event\n", "    format: event\n    encrypted: forward\n", 1)+config), 0o600)
	}
	require.NoError(t, err)
	r.start()
	return r
}

func (r *fakedRooms) start() {
	r.Helper()
	r.p = harness.LaunchFile(r.T, r.file)
	harness.Eventually(r.T, "the bot is in the rooms", func() bool { return strings.Count(r.p.Log.String(), `"msg":"room joined"`) == len(r.rooms) })
}

// absent lets something happen while the bot is not there.
func (r *fakedRooms) absent(happens func()) {
	r.Helper()
	marked := 0
	harness.Eventually(r.T, "the mark is stored", func() bool { marked++; return marked > 150 }) // it is durable within a second
	r.p.Kill()
	happens()
	r.start()
}

// hostileMessages are the fakes of pkg/muc that any user can write: what comes behind a body.
func hostileMessages(t *testing.T) (all []string) {
	for line := range strings.Lines(harness.Page(t, "pkg/muc/testdata/hostile/messages.txt")) {
		if inner, ok := strings.CutPrefix(strings.TrimSpace(line), "said Mallory <body>x</body>"); ok {
			inner = strings.NewReplacer("NOW-1h", "2020-01-01T00:00:00Z", "NOW-2h", "2021-01-01T00:00:00Z", "NOW1h", "2090-01-01T00:00:00Z", "alice@example.com", "alice@localhost").Replace(inner)
			all = append(all, inner)
		}
	}
	return all
}

// lying are fakes about when something was said, and by whom.
func lying(room string) []string {
	stamp := func(from, at string) string {
		return fmt.Sprintf("<delay xmlns='urn:xmpp:delay' from='%s' stamp='%s'/>", from, at)
	}
	const past, future = "1970-01-01T00:00:00Z", "2090-01-01T00:00:00Z"
	return []string{
		stamp(room, past), stamp(room, future), stamp("rooms.localhost", past), stamp("rooms.localhost", future),
		stamp(room+"/alice", past), stamp("mallory@localhost", future), stamp(room, past) + stamp(room, future), "<delay xmlns='urn:xmpp:delay' stamp='" + past + "'/>",
		"<stanza-id xmlns='urn:xmpp:sid:0' by='" + room + "' id='faked'/>", "<stanza-id xmlns='urn:xmpp:sid:0' by='" + room + "' id='faked'/>",
		"<occupant-id xmlns='urn:xmpp:occupant-id:0' id='faked'/>", "<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='owner' jid='alice@localhost'/></x>",
		"<result xmlns='urn:xmpp:mam:2' id='1'/>", "<subject>no</subject>", "<room xmlns='urn:stanzahook:room:0' own='true' nick='alice'/>",
	}
}

var roomsOwnID = regexp.MustCompile(`<stanza-id [^>]*>`)

// says lets somebody speak, and waits until alice has heard it.
func (r *fakedRooms) says(u harness.User, room, text, inner string) {
	r.Helper()
	inner = strings.ReplaceAll(inner, "ops@rooms.example.com", room)
	u.Send("<message to='%s' type='groupchat' id='%s'><body>%[2]s</body>%s</message>", room, text, inner)
	got := r.alice.Await(text, func(m lab.Received) bool {
		return m.Kind == "message" && m.ID == text && strings.HasPrefix(m.From, room+"/")
	})
	if strings.HasPrefix(room, "archived") {
		for _, tag := range roomsOwnID.FindAllString(got.Inner, -1) {
			_, id, _ := strings.Cut(strings.ReplaceAll(tag, `"`, "'"), " id='")
			if id, _, _ = strings.Cut(id, "'"); strings.Contains(tag, room) && len(id) > len("faked") { // the fakes are short
				r.ids[room+text] = id
			}
		}
	}
}

// check waits for what mallory has said.
func (r *fakedRooms) check(n int, what string) {
	r.Helper()
	for _, room := range r.rooms {
		for i := range n {
			r.await(room, fmt.Sprintf("%s-%d", what, i), "mallory", "none", what == "missed")
		}
	}
}

// await waits for the event of a message, and checks what it says about its author.
func (r *fakedRooms) await(room, text, nick, affiliation string, missed bool) {
	r.Helper()
	var found []harness.Hook
	harness.Eventually(r.T, room+" "+text, func() bool {
		found = slices.DeleteFunc(r.bot.Got(), func(h harness.Hook) bool {
			return h.Stanza != text || !strings.Contains(h.Raw, `"jid":"`+room+`"`)
		})
		return len(found) > 0
	})
	for _, h := range found {
		if h.ID != found[0].ID {
			r.Errorf("%s came as %s and as %s", text, h.ID, found[0].ID)
		}
	}
	var ev struct {
		Data struct {
			Ref   string
			Event string
			Delay string
			Room  struct {
				Nick, Affiliation, Role string
				RealJID                 string `json:"real_jid"`
				Missed, Bot, Mention    bool
			}
		}
	}
	require.NoError(r, json.Unmarshal([]byte(found[0].Raw), &ev))
	room0 := ev.Data.Room
	if room0.Nick != nick || room0.Missed != missed || room0.Bot || room0.Mention {
		r.Errorf("%s: %s", text, found[0].Raw)
	}
	if !missed && (room0.Affiliation != affiliation || room0.RealJID != nick+"@localhost") || missed && room0.Affiliation != "" && room0.Affiliation != affiliation {
		r.Errorf("%s: %s", text, found[0].Raw)
	}
	if missed && (ev.Data.Delay < "2022" || ev.Data.Delay > "2089") {
		r.Errorf("%s was said at %q: %s", text, ev.Data.Delay, found[0].Raw)
	}
	if ev.Data.Ref == "" {
		r.Errorf("%s has no ref: %s", text, found[0].Raw)
		return
	}
	ref, err := refs.ParseRef(ev.Data.Ref)
	if err != nil || ref.StanzaID != r.ids[room+text] || ref.Mine || ref.Author.Resource() != nick {
		r.Errorf("%s: the ref is %+v %v, the room's id %q", text, ref, err, r.ids[room+text])
	}
}
