//go:build integration

package link

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/profile"
)

// looked is what came of a request to testdata/looks.py.
type looked struct {
	Name, Photo, Error, Body     string
	Show, Status, Type, ID       string
	Bytes, Length, Width, Height int
	Features                     []string
}

// looker is somebody who looks at bots.
type looker struct {
	t   *testing.T
	in  io.Writer
	out *json.Decoder
}

func look(t *testing.T, server, user string) *looker {
	t.Helper()
	in, out := harness.StartPerson(t, "testdata/looks.py", user, "looks", server)
	return &looker{t, in, out}
}

// do makes a request: JSON as the script has it.
func (l *looker) do(format string, args ...any) (v looked) {
	l.t.Helper()
	if _, err := fmt.Fprintf(l.in, format+"\n", args...); err != nil {
		l.t.Fatal(err)
	}
	if err := l.out.Decode(&v); err != nil {
		l.t.Fatalf(format+": %v", append(args, err)...)
	}
	return v
}

// is checks the name, the avatar and the error of what came.
func (l *looker) is(v looked, name, photo, failure string) {
	l.t.Helper()
	if v.Name != name || v.Photo != photo || v.Error != failure {
		l.t.Errorf("%+v, and not %q %q %q", v, name, photo, failure)
	}
}

// squareOf returns a PNG of one colour.
func squareOf(t *testing.T, c color.Color, width int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, width))
	for i := range width * width {
		img.Set(i%width, i/width, c)
	}
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	return b.Bytes()
}

// With bots_only others do not exist, and their subscribers of before lose them; a bot that
// reads no messages says so (XEP-0506). alice has slixmpp. What is said for it is in testdata.
func TestFacesOnly(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.ServerOptions(kind, "event"))
		b := harness.NewBot(t)
		dir := t.TempDir()
		said := harness.NewTranscript(t, harness.Between("", "", "", "@event.localhost"), "alice")
		c := harness.OneComponent(s, "event", b)
		c.Components[0].Server = said.Through("component", s.ComponentAddr()).Addr()
		c.More = "bots:\n  - {jid: echo@event.localhost, name: Echo}\n  - {jid: news@event.localhost, noreply: true}\n"
		p := harness.LaunchLinked(t, c.Write(t, dir))
		alice := look(t, said.Through("alice", s.ClientAddr()).Addr(), "alice")
		for _, name := range []string{"echo", "other"} {
			said.Step("alice subscribes to " + name)
			alice.do(`{"subscribe":"%s@event.localhost"}`, name)
			alice.do(`{"presence":"","from":"%s@event.localhost"}`, name)
		}
		said.Step("bots_only: other has no profile, and its subscribers lose it")
		c.More += "bots_only: true\n"
		c.Write(t, dir)
		require.NoError(t, p.Cmd.Process.Signal(syscall.SIGHUP))
		alice.do(`{"presence":"unavailable","from":"other@event.localhost"}`)
		alice.do(`{"presence":"unsubscribed","from":"other@event.localhost"}`)
		said.Step("a subscription to one that does not exist")
		alice.do(`{"subscribe":"third@event.localhost"}`)
		alice.do(`{"presence":"unsubscribed","from":"third@event.localhost"}`)
		for _, x := range []struct{ bot, name, failure string }{{"echo", "Echo", ""}, {"third", "", "service-unavailable"}} {
			for _, request := range []string{"info", "vcard", "vcard4"} {
				said.Step("alice asks " + x.bot + ": " + request)
				alice.is(alice.do(`{%q:"%s@event.localhost"}`, request, x.bot), x.name, "", x.failure)
			}
		}
		said.Step("the avatar of one that does not exist")
		alice.is(alice.do(`{"avatar":"third@event.localhost"}`), "", "", "service-unavailable")
		said.Step("what the component says of one that reads no messages")
		if v := alice.do(`{"info":"news@event.localhost"}`); !slices.Contains(v.Features, "urn:xmpp:noreply:0") {
			t.Errorf("%+v", v)
		}
		for _, x := range []struct{ bot, body, failure string }{{"other", "", "service-unavailable"}, {"news", "", "not-acceptable"}, {"echo", "hello echo", ""}} {
			said.Step("a message to " + x.bot)
			alice.do(`{"say":"hello %s","to":"%[1]s@event.localhost"}`, x.bot)
			if v := alice.do(`{"reply":"%s@event.localhost"}`, x.bot); v.Error != x.failure || v.Body != x.body {
				t.Errorf("%+v", v)
			}
		}
		said.Compare("faces-only", kind, *update)
		for _, hook := range b.Got() {
			if !strings.Contains(hook.Raw, "hello echo") {
				t.Errorf("the endpoint got %s", hook.Raw)
			}
		}
		// The subscription is over at the server as well: the next login asks for echo alone.
		next := harness.Login(t, s, "alice")
		next.Await("echo's presence", func(r lab.Received) bool { return r.Kind == "presence" && r.From == "echo@event.localhost/default" })
	})
}

// An avatar that is too large, or no image, is refused with the field named, and nobody sees
// anything of it: people go on seeing the one of before. The bot's own token changes it. alice has
// slixmpp. What is said for it is in testdata.
func TestFacesRefused(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		const bot, path = "one@event.localhost", "/v1/bots/one@event.localhost"
		s := harness.StartServer(t, harness.ServerOptions(kind, "event"))
		said := harness.NewTranscript(t, harness.Between("", "", "", bot), "alice")
		c := harness.OneComponent(s, "event", harness.NewBot(t))
		c.Components[0].Server = said.Through("component", s.ComponentAddr()).Addr()
		p := harness.LaunchConnected(t, c)
		alice := look(t, said.Through("alice", s.ClientAddr()).Addr(), "alice")
		red, blue := squareOf(t, color.RGBA{R: 255, A: 255}, 16), squareOf(t, color.RGBA{B: 255, A: 255}, 16)
		put := func(step string, status int, says string, image []byte) {
			t.Helper()
			said.Step(step)
			r := said.CallBy(p, "token-one", "PUT", path, harness.AsJSON, fmt.Sprintf(`{"name":"One","avatar":%q}`, base64.StdEncoding.EncodeToString(image)))
			if r.Status != status || !strings.Contains(r.Body, says) {
				t.Errorf("%s: %d %s", step, r.Status, r.Body)
			}
		}
		shown := func(image []byte) {
			t.Helper()
			said.Step("what alice sees")
			alice.is(alice.do(`{"vcard":%q}`, bot), "One", profile.AvatarID(image), "")
			alice.is(alice.do(`{"avatar":%q}`, bot), "", profile.AvatarID(image), "")
		}
		put("the bot gets a name and an avatar", 201, profile.AvatarID(red), red)
		said.Step("alice subscribes to it")
		alice.do(`{"subscribe":%q}`, bot)
		alice.is(alice.do(`{"presence":"","from":%q}`, bot), "One", profile.AvatarID(red), "")
		shown(red)
		put("an avatar of 101 KiB", 400, "avatar: has more than 102400 bytes", append(slices.Clone(red), make([]byte, 101<<10-len(red))...))
		put("one that is no image", 400, "avatar: is no PNG", []byte("%PDF-1.7, and no image at all: people would see nothing of it"))
		put("one of 513 x 513 pixels", 400, "avatar: has 513 x 513 pixels", squareOf(t, color.Black, 513))
		shown(red)
		put("one that is right: alice hears of it, and has heard of nothing between", 200, profile.AvatarID(blue), blue)
		alice.is(alice.do(`{"presence":"","from":%q}`, bot), "One", profile.AvatarID(blue), "")
		alice.is(alice.do(`{"news":%q}`, bot), "", profile.AvatarID(blue), "")
		shown(blue)
		said.Step("a token that is not this bot's")
		if r := said.Call(p, "PUT", path, harness.AsJSON, `{"name":"Another"}`); r.Status != 403 {
			t.Error(r)
		}
		said.Step("the bot says that it is busy")
		if r := said.CallBy(p, "token-one", "PUT", path+"/presence", harness.AsJSON, `{"show":"dnd","status":"Busy"}`); r.Status != 200 {
			t.Error(r)
		}
		alice.is(alice.do(`{"presence":"","from":%q}`, bot), "One", profile.AvatarID(blue), "")
		said.Step("the profile is deleted: the bot has neither name nor avatar")
		if r := said.CallBy(p, "token-one", "DELETE", path, "", ""); r.Status != 204 {
			t.Error(r)
		}
		alice.is(alice.do(`{"news":%q}`, bot), "", "", "")
		alice.is(alice.do(`{"presence":"","from":%q}`, bot), "", "", "")
		said.Step("what alice sees now")
		alice.is(alice.do(`{"vcard":%q}`, bot), "", "", "service-unavailable")
		alice.is(alice.do(`{"avatar":%q}`, bot), "", "", "service-unavailable")
		said.Compare("faces-refused", kind, *update)
	})
}
