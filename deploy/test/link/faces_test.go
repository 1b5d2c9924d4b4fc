//go:build integration

package link

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/profile"
)

var update = flag.Bool("update", false, "write testdata/*.transcript anew")

// seen is one step of testdata/faces.py.
type seen struct {
	Step, Name, Note, Org, URL, Type, Item, ID, SHA1 string
	Bytes, Width, Length                             int
	Same                                             bool
	Show, Status, Nick, Photo                        string
	Verified                                         bool
	Features                                         []string
	Identities                                       [][]string
}

// watcher is somebody who looks at a bot.
type watcher struct {
	t     *testing.T
	turns io.Writer
	steps *json.Decoder
}

func watch(t *testing.T, server, user, bot string, room ...string) *watcher {
	t.Helper()
	in, out := harness.StartPerson(t, "testdata/faces.py", user, "faces", server, append([]string{bot}, room...)...)
	return &watcher{t, in, out}
}

// next lets the watcher take its next step, and returns what came of it. The step must be this one.
func (w *watcher) next(step string) seen {
	w.t.Helper()
	var v seen
	if _, err := io.WriteString(w.turns, "\n"); err != nil {
		w.t.Fatal(err)
	}
	if err := w.steps.Decode(&v); err != nil || v.Step != step {
		w.t.Fatalf("%+v %v, and not the step %q", v, err, step)
	}
	return v
}

// is checks what somebody sees of the bot of writeFaces.
func (w *watcher) is(v seen, id string) {
	w.t.Helper()
	if v.Name != "Echo & co" || v.Note != "Says it <again>" || v.Org != "Example" || v.URL != "https://example.com" {
		w.t.Errorf("the vCard: %+v", v)
	}
	if !v.Same || v.ID != id || v.Item != id || v.SHA1 != id || v.Length != v.Bytes || v.Width != 16 || v.Type != "image/png" {
		w.t.Errorf("the avatar %s: %+v", id, v)
	}
}

func (w *watcher) shows(v seen, show, status, id string) {
	w.t.Helper()
	if v.Show != show || v.Status != status || v.Nick != "Echo & co" || v.Photo != id || !v.Verified || !slices.Contains(v.Features, "vcard-temp") ||
		fmt.Sprint(v.Identities) != "[[client bot Echo & co]]" {
		w.t.Errorf("the presence: %+v", v)
	}
}

// faces is a configuration with a bot that has a profile.
type faces struct {
	t      *testing.T
	dir    string
	config harness.Config // without the bot
}

const bots = `
bots:
  - jid: echo@event.localhost
    name: Echo & co
    avatar: echo.png
    vcard: {note: Says it <again>, url: "https://example.com", email: ops@example.com, org: Example}
    presence: {show: %s, status: %s}
`

// write writes the configuration, and returns the id of the avatar.
func (f *faces) write(c color.Color, show, status string) string {
	f.t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 16, 16))
	for i := range 256 {
		img.Set(i%16, i/16, c)
	}
	var b bytes.Buffer
	require.NoError(f.t, png.Encode(&b, img))
	require.NoError(f.t, os.WriteFile(filepath.Join(f.dir, "echo.png"), b.Bytes(), 0o600))
	config := f.config
	config.More += fmt.Sprintf(bots, show, status)
	config.Write(f.t, f.dir)
	return profile.AvatarID(b.Bytes())
}

func (f *faces) reload(p *harness.Program) {
	f.t.Helper()
	require.NoError(f.t, p.Cmd.Process.Signal(syscall.SIGHUP))
}

// People see the name, the vCard and the avatar of a bot in each way that clients know, its
// presence, and what changes of these, without a new login; on both servers. In a room as well.
// What is said for it is in testdata.
func TestFaces(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.WithRooms(harness.ServerOptions(kind, "event")))
		said := harness.NewTranscript(t, harness.Between("echo@event.localhost", "ops@rooms.localhost", "Bot", "echo@event.localhost", "ops@rooms.localhost/Bot"), "alice", "bob")
		f := &faces{t: t, dir: t.TempDir(), config: harness.OneComponent(s, "event", harness.NewBot(t))}
		f.config.Components[0].Server = said.Through("component", s.ComponentAddr()).Addr()
		f.config.More = "rooms:\n  - {jid: ops@rooms.localhost, from: echo@event.localhost, nick: Bot, create: true}\n"
		first := f.write(color.RGBA{R: 255, A: 255}, `""`, "Ready")
		p := harness.LaunchLinked(t, filepath.Join(f.dir, "stanzahook.yaml"))
		harness.Eventually(t, "the bot is in the room", func() bool {
			r, err := p.Call("GET", "/v1/rooms/ops@rooms.localhost", "token-all", "", "")
			return err == nil && strings.Contains(r.Body, `"state":"joined"`)
		})

		alice := watch(t, said.Through("alice", s.ClientAddr()).Addr(), "alice", "echo@event.localhost")
		said.Step("alice, who does not know the bot, asks for its vCard (XEP-0054) and its avatar (XEP-0084)")
		alice.is(alice.next("look"), first)
		said.Step("she subscribes to it, and asks for its capabilities (XEP-0115); the presence has its nick (XEP-0172) and the hash of its avatar (XEP-0153)")
		alice.next("asked")
		alice.shows(alice.next("subscribed"), "", "Ready", first)

		bob := watch(t, said.Through("bob", s.ClientAddr()).Addr(), "bob", "echo@event.localhost", "ops@rooms.localhost/Bot")
		said.Step("bob, who knows only the room, joins it, and asks for the bot's capabilities")
		bob.next("joined")
		bob.shows(bob.next("room"), "", "Ready", first)
		said.Step("he asks the occupant for its vCard and its avatar")
		bob.is(bob.next("look"), first)

		said.Step("the bot is busy now, and has another avatar: both hear of it")
		second := f.write(color.RGBA{B: 255, A: 255}, "dnd", "Busy")
		f.reload(p)
		if v := alice.next("event"); v.ID != second {
			t.Errorf("the event: %+v", v)
		}
		alice.shows(alice.next("changed"), "dnd", "Busy", second)
		bob.shows(bob.next("changed in the room"), "dnd", "Busy", second)
		said.Step("alice asks for the other avatar")
		alice.is(alice.next("look"), second)
		said.Compare("faces", kind, *update)
	})
}
