//go:build integration

package link

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"mime/multipart"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/profile"
)

// jpegOf returns a JPEG of one colour.
func jpegOf(t *testing.T, c color.Color, width int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, width))
	for i := range width * width {
		img.Set(i%width, i/width, c)
	}
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, img, nil))
	return b.Bytes()
}

func fromBase64(t *testing.T, text string) []byte {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	return data
}

// ofSize returns a PNG with a comment that makes it so many bytes long.
func ofSize(png []byte, size int) []byte {
	const end = 12 // bytes of the last chunk: a length, IEND, a checksum
	chunk := []byte("tEXtComment\x00")
	chunk = append(chunk, bytes.Repeat([]byte("x"), size-len(png)-len(chunk)-8)...)
	b := binary.BigEndian.AppendUint32(slices.Clone(png[:len(png)-end]), uint32(len(chunk)-4))
	b = binary.BigEndian.AppendUint32(append(b, chunk...), crc32.ChecksumIEEE(chunk))
	return append(b, png[len(png)-end:]...)
}

// An avatar is a PNG, JPEG, GIF or WebP, by its content: people get its type, its size and its
// SHA-1 as id in each way, and nothing of what else is refused. One of more than 64 KiB is
// warned of, and people can load it. alice has slixmpp. What is said for it is in testdata.
func TestFacesKinds(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		const bot, path = "one@event.localhost", "/v1/bots/one@event.localhost"
		s := harness.StartServer(t, harness.ServerOptions(kind, "event"))
		said := harness.NewTranscript(t, harness.Between("", "", "", "@event.localhost"), "alice")
		red := squareOf(t, color.RGBA{R: 255, A: 255}, 16)
		large, fits := ofSize(red, profile.LargeAvatar+1), ofSize(red, profile.LargeAvatar)
		dir := t.TempDir()
		for name, data := range map[string][]byte{"large.png": large, "fits.png": fits} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
		}
		c := harness.OneComponent(s, "event", harness.NewBot(t))
		c.Components[0].Server = said.Through("component", s.ComponentAddr()).Addr()
		c.More = "bots:\n  - {jid: large@event.localhost, avatar: large.png}\n  - {jid: fits@event.localhost, avatar: fits.png}\n"
		file := c.Write(t, dir)
		p := harness.LaunchLinked(t, file)
		alice := look(t, said.Through("alice", s.ClientAddr()).Addr(), "alice")
		// shown checks what alice sees of a bot's avatar when she asks for it.
		shown := func(bot, media string, image []byte, width int) {
			t.Helper()
			said.Step("what alice sees of " + bot)
			id := profile.AvatarID(image)
			if v := alice.do(`{"vcard":%q}`, bot); v.Photo != id || v.Type != media {
				t.Errorf("the vCard has %+v, and not %s %s", v, media, id)
			}
			v := alice.do(`{"avatar":%q}`, bot)
			if v.Photo != id || v.ID != id || v.Type != media || v.Bytes != len(image) || v.Length != len(image) || v.Width != width || v.Height != width {
				t.Errorf("the avatar is %+v, and not %s %s of %d bytes", v, media, id, len(image))
			}
		}
		put := func(image []byte, status int, says string) {
			t.Helper()
			r := said.CallBy(p, "token-one", "PUT", path, harness.AsJSON, fmt.Sprintf(`{"name":"One","avatar":%q}`, base64.StdEncoding.EncodeToString(image)))
			if r.Status != status || !strings.Contains(r.Body, says) {
				t.Errorf("%d %s, and not %d %s", r.Status, r.Body, status, says)
			}
		}
		heard := func(image []byte) {
			t.Helper()
			alice.is(alice.do(`{"news":%q}`, bot), "", profile.AvatarID(image), "")
			alice.is(alice.do(`{"presence":"","from":%q}`, bot), "One", profile.AvatarID(image), "")
		}
		said.Step("alice subscribes to the bot")
		alice.do(`{"subscribe":%q}`, bot)
		alice.do(`{"presence":"","from":%q}`, bot)
		gif := fromBase64(t, "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
		webp := fromBase64(t, "UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")
		for _, x := range []struct {
			media         string
			image         []byte
			width, status int
		}{{"image/png", red, 16, 201}, {"image/gif", gif, 1, 200}, {"image/webp", webp, 1, 200}} {
			said.Step("the bot gets an avatar: " + x.media)
			put(x.image, x.status, x.media)
			heard(x.image)
			shown(bot, x.media, x.image, x.width)
		}
		blue := jpegOf(t, color.RGBA{B: 255, A: 255}, 16)
		said.Step("a JPEG that is said to be a PNG is a JPEG")
		media, form := formOf(t, `{"name":"One"}`, "echo.png", blue)
		said.Sent("PUT " + path + " multipart/form-data: the JPEG, as echo.png")
		r, err := p.Call("PUT", path, "token-one", media, form)
		if err != nil || r.Status != 200 || !strings.Contains(r.Body, `"type":"image/jpeg"`) {
			t.Error(r, err)
		}
		said.Got(fmt.Sprint(r.Status, " ", r.Body))
		heard(blue)
		shown(bot, "image/jpeg", blue, 16)

		for _, x := range []struct {
			what, says string
			image      []byte
		}{
			{"an SVG", "avatar: is no PNG, JPEG, GIF or WebP", []byte("<svg xmlns='http://www.w3.org/2000/svg' width='16' height='16'><script>alert(1)</script></svg>")},
			{"a BMP", "avatar: is no PNG, JPEG, GIF or WebP", append([]byte("BM"), make([]byte, 100)...)},
			{"an AVIF", "avatar: is no PNG, JPEG, GIF or WebP", append([]byte("\x00\x00\x00\x20ftypavif"), make([]byte, 100)...)},
			{"a GIF with an archive behind it", "avatar: has 60 bytes behind the end of the image", append(slices.Clone(gif), "PK\x05\x06"+strings.Repeat("\x00", 56)...)},
		} {
			said.Step(x.what + " is refused")
			put(x.image, 400, x.says)
		}
		shown(bot, "image/jpeg", blue, 16)

		shown("large@event.localhost", "image/png", large, 16)
		shown("fits@event.localhost", "image/png", fits, 16)
		said.Step("by the API as well")
		put(large, 200, `"remark":"its avatar has 65537 bytes`)
		heard(large)
		shown(bot, "image/png", large, 16)
		said.Compare("faces-kinds", kind, *update)

		if n := p.Log.Count(func(e harness.LogEntry) bool { return e.Level == "warn" && e.Msg == "avatar is large" }); n != 2 { // of the file, and by the API
			t.Errorf("%d lines of the log warn", n)
		}
		if log := p.Log.String(); !strings.Contains(log, `"bot":"large@event.localhost","bytes":65537,"hint":"some clients do not load more than 64 KiB"`) {
			t.Error("the log does not say which avatar is large")
		}
		code, out, errs := harness.RunProgram(t, nil, "check", "--config", file)
		if plain := strings.Join(strings.Fields(out), " "); code != 0 || !strings.Contains(plain, "warn bot large@event.localhost its avatar has 65537 bytes") || strings.Contains(plain, "fits@event.localhost") {
			t.Errorf("%d %s%s", code, out, errs)
		}
	})
}

// formOf returns a profile and an avatar as a form, with its media type.
func formOf(t *testing.T, keys, name string, image []byte) (media, form string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	err := w.WriteField("bot", keys)
	if err == nil {
		part, wrong := w.CreatePart(map[string][]string{"Content-Disposition": {fmt.Sprintf(`form-data; name="avatar"; filename=%q`, name)}, "Content-Type": {"image/png"}})
		if err = wrong; err == nil {
			_, err = part.Write(image)
		}
	}
	if err == nil {
		err = w.Close()
	}
	require.NoError(t, err)
	return w.FormDataContentType(), b.String()
}
