package app

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/httpapi/v1"
	"stanzahook/pkg/profile"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// pictureOf returns a PNG of one colour.
func pictureOf(t testing.TB, c color.Color, width int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, 8))
	for i := range 8 * width {
		img.Set(i%width, i/width, c)
	}
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	return b.Bytes()
}

// asked asks a bot, and returns what it answers.
func (x *running) asked(bot, payload string) string {
	x.t.Helper()
	id := fmt.Sprint("ask-", time.Now().UnixNano())
	x.srv.Send(fmt.Sprintf("<iq type='get' id='%s' from='u@example.com/r' to='%s'>%s</iq>", id, bot, payload))
	return x.srv.ExpectID(id).XML()
}

const vcardQuery = "<vCard xmlns='vcard-temp'/>"

// The profile of a bot that the API has set is shown at once and after a restart, until it is
// deleted; one of the file is that of the file again. What has mistakes changes nothing.
func TestBotsByAPI(t *testing.T) {
	srv := newServer(t)
	config := noAuth + "bots: [{jid: filed@bot.example.com, name: Of the file}]\n"
	x := startAt(t, srv, zap.NewNop(), config)
	call := x.request
	shows := func(bot, part string) {
		t.Helper()
		if got := x.asked(bot, vcardQuery); !strings.Contains(got, part) {
			t.Fatalf("%s: %.300s, want %s", bot, got, part)
		}
	}
	avatars := func(want int) {
		t.Helper()
		if ids, err := x.store.Avatars().IDs(t.Context()); err != nil || len(ids) != want {
			t.Fatalf("%d avatars are stored, %v", len(ids), err)
		}
	}
	red, blue := pictureOf(t, color.RGBA{R: 255, A: 255}, 8), pictureOf(t, color.RGBA{B: 255, A: 255}, 8)
	const echo, filed = "/v1/bots/echo@bot.example.com", "/v1/bots/filed@bot.example.com"
	keys := func(image []byte, more string) string {
		return fmt.Sprintf(`{"name":"Echo","avatar":%q%s}`, base64.StdEncoding.EncodeToString(image), more)
	}
	call("GET", echo, "", 404, "has no profile")
	call("PUT", echo, keys(red, `,"vcard":{"note":"by the API"}`), 201, fmt.Sprintf(`"avatar":{"id":%q,"type":"image/png"`, profile.AvatarID(red)))
	shows("echo@bot.example.com", "<DESC>by the API</DESC>")
	shows("echo@bot.example.com", base64.StdEncoding.EncodeToString(red))
	if got := call("GET", echo+"/avatar", "", 200, ""); got != string(red) {
		t.Error("another image")
	}
	call("PUT", "/v1/bots/twin@bot.example.com", keys(red, ""), 201, "")
	avatars(1)

	// A subscriber hears of a change.
	x.srv.Send("<presence type='subscribe' from='u@example.com' to='echo@bot.example.com'/>")
	presence := func(part string) {
		t.Helper()
		x.srv.Expect("presence with "+part, func(s *stanza.Stanza) bool {
			return s.Kind == stanza.Presence && s.To.String() == "u@example.com" && strings.Contains(s.Inner(), part)
		})
	}
	presence("<photo>" + profile.AvatarID(red) + "</photo>")
	form := "--b\r\nContent-Disposition: form-data; name=\"bot\"\r\n\r\n{\"name\":\"Form\"}\r\n--b\r\nContent-Disposition: form-data; name=\"avatar\"; filename=\"../../x.exe\"\r\nContent-Type: text/html\r\n\r\n" +
		string(blue) + "\r\n--b--\r\n"
	call("PUT", echo, form, 200, `"type":"image/png"`, "Content-Type", "multipart/form-data; boundary=b")
	presence("<photo>" + profile.AvatarID(blue) + "</photo>")
	x.srv.Expect("the event", func(s *stanza.Stanza) bool {
		return s.Type == "headline" && strings.Contains(s.Inner(), "<info bytes='"+fmt.Sprint(len(blue))+"' id='"+profile.AvatarID(blue)+"'")
	})
	avatars(2)

	secret := filepath.Join(t.TempDir(), "secret1") // its path is a text in base64, too
	require.NoError(t, os.WriteFile(secret, []byte("hunter2"), 0o600))
	for body, part := range map[string]string{
		keys(pictureOf(t, color.Black, 513), ""):                 "avatar: has 513 x 8 pixels",
		keys(append(red, "PK..."...), ""):                        "behind the end of the image",
		keys(make([]byte, profile.MaxAvatar+1), ""):              "avatar: has more than 102400 bytes",
		keys([]byte("<svg/>"), ""):                               "avatar: is no PNG",
		keys(nil, ""):                                            "avatar: is empty",
		fmt.Sprintf(`{"avatar":%q}`, secret):                     "avatar: is no",
		`{"avatar":"/etc/abc"}`:                                  "avatar: is no PNG",
		`{"avatar":"file:///etc/passwd"}`:                        "avatar: is no base64",
		`{"avatar":7}`:                                           "avatar: ",
		`{"avatar":["x"]}`:                                       "avatar: ",
		`{"vcard":{"note":"` + strings.Repeat("x", 3000) + `"}}`: "vcard.note: has 3000 bytes",
		`{"vcard":{"url":"javascript:alert(1)"}}`:                "vcard.url: ",
		`{"presence":{"show":"busy"}}`:                           "presence.show: ",
		`{"jid":"other@bot.example.com"}`:                        "jid: ",
		`{"nope":1}`:                                             "unknown key",
		`{"name":null}`:                                          "name: ",
		`[]`:                                                     "the bot is a list",
	} {
		if got := call("PUT", echo, body, 400, part); strings.Contains(got, "hunter2") {
			t.Error(got)
		}
	}
	call("PUT", "/v1/bots/echo@other.example.com", `{}`, 400, "is in the domain of no component")
	call("PUT", "/v1/bots/echo@bot.example.com%2Fr", `{}`, 404, "nothing at this path")
	shows("echo@bot.example.com", "<FN>Form</FN>")
	avatars(2)

	call("DELETE", filed, "", 409, "configuration file")
	call("DELETE", "/v1/bots/none@bot.example.com", "", 404, "has no profile")
	call("PUT", filed, `{"name":"Of the API"}`, 201, `"source":"api"`)
	shows("filed@bot.example.com", "<FN>Of the API</FN>")

	// One whose component is not in the configuration any more has no effect, and can be deleted.
	require.NoError(t, x.store.Bots().Put(t.Context(), store.BotRecord{Bot: "old@gone.example.com", Data: json.RawMessage(`{"keys":{"name":"Old"}}`)}))
	// An avatar that no bot has is left over from a process that was killed.
	require.NoError(t, x.store.Avatars().Put(t.Context(), "0123", []byte("x")))
	x.Stop()
	cfg, err := x.r.Load()
	require.NoError(t, err)
	// Of the copies one is damaged, one has no bot, and one was not written whole.
	copies := filepath.Join(cfg.Store.Dir, "avatars")
	for _, name := range []string{profile.AvatarID(blue), "0123", "new-1"} {
		require.NoError(t, os.WriteFile(filepath.Join(copies, name), []byte("hunter2"), 0o600))
	}
	x.App, err = Start(t.Context(), cfg, zap.NewNop(), nil, x.r)
	require.NoError(t, err)
	require.NoError(t, x.links["bot.example.com"].WaitConnected(t.Context()))
	avatars(2)
	if left, err := os.ReadDir(copies); err != nil || len(left) != 2 {
		t.Errorf("%v %v", left, err)
	}
	shows("echo@bot.example.com", base64.StdEncoding.EncodeToString(blue))
	if mended, err := os.ReadFile(filepath.Join(copies, profile.AvatarID(blue))); err != nil || !bytes.Equal(mended, blue) {
		t.Errorf("%q %v", mended, err)
	}
	shows("filed@bot.example.com", "<FN>Of the API</FN>")
	x.reloads(noAuth+"bots: [{jid: filed@bot.example.com, name: Changed}]\n", "bots")
	shows("filed@bot.example.com", "<FN>Of the API</FN>")
	call("DELETE", filed, "", 204, "")
	shows("filed@bot.example.com", "<FN>Changed</FN>")
	call("GET", "/v1/bots/old@gone.example.com", "", 404, "")
	call("DELETE", "/v1/bots/old@gone.example.com", "", 204, "")
	call("DELETE", "/v1/bots/old@gone.example.com", "", 404, "")
	call("DELETE", "/v1/bots/twin@bot.example.com", "", 204, "")
	avatars(1)
	call("DELETE", echo, "", 204, "")
	avatars(0)
	if left, err := os.ReadDir(copies); err != nil || len(left) > 0 {
		t.Errorf("%v %v", left, err)
	}
	shows("echo@bot.example.com", "service-unavailable")
	presence("") // without anything
	var page struct{ Items []v1.Bot }
	x.get("/v1/bots", &page)
	if len(page.Items) != 1 || page.Items[0].Name != "Changed" || page.Items[0].Source != "config" {
		t.Errorf("%+v", page)
	}
}

// The presence of a bot can be set by itself, for a time or until it is set again; it is kept
// over restarts.
func TestBotPresenceByAPI(t *testing.T) {
	srv := newServer(t)
	x := startAt(t, srv, zap.NewNop(), noAuth+"bots: [{jid: echo@bot.example.com, presence: {status: Ready}}]\n")
	x.srv.Send("<presence type='subscribe' from='u@example.com' to='echo@bot.example.com'/>")
	presence := func(part string) {
		t.Helper()
		x.srv.Expect("presence with "+part, func(s *stanza.Stanza) bool {
			return s.Kind == stanza.Presence && s.From.String() == "echo@bot.example.com/default" && strings.Contains(s.Inner(), part)
		})
	}
	set := func(body string, status int, part string) {
		t.Helper()
		x.request("PUT", "/v1/bots/echo@bot.example.com/presence", body, status, part)
	}
	presence("<status>Ready</status>")
	set(`{"show":"away","status":"Lunch"}`, 200, `"presence":{"show":"away","status":"Lunch","until":null}`)
	presence("<show>away</show><status>Lunch</status>")
	x.restart("")
	presence("<show>away</show><status>Lunch</status>")
	until, err := json.Marshal(time.Now().Add(300 * time.Millisecond))
	require.NoError(t, err)
	set(fmt.Sprintf(`{"show":"dnd","until":%s}`, until), 200, `"until":"2`)
	presence("<show>dnd</show>")
	presence("<status>Ready</status>")
	set(`{"show":"busy"}`, 400, "show: is not known")
	set(`{"until":"2020-01-01T00:00:00Z"}`, 400, "until: is in the past")
	set(`{"until":"9999-12-31T23:59:59-01:00"}`, 400, "until: is after the year 9999")
	set(`{"status":7}`, 400, "status")
	set(`{"nope":""}`, 400, "nope")
	x.request("PUT", "/v1/bots/none@bot.example.com/presence", `{}`, 404, "")
}
