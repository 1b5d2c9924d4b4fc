package v1_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"stanzahook/httpapi/v1"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
)

// fakeBots are alice, who has a profile, and others that have it once they are put.
type fakeBots struct{ asked []string }

func (f *fakeBots) note(format string, args ...any) {
	f.asked = append(f.asked, fmt.Sprintf(format, args...))
}

func describe(bot jid.JID) v1.Bot { return v1.Bot{JID: bot, Name: bot.Local(), Source: "api"} }

func (f *fakeBots) List(after string, most int) (page []v1.Bot, more bool) {
	for i := range 5 {
		if b := describe(jid.MustParse(fmt.Sprintf("b%d@bot.example.com", i))); b.JID.String() > after {
			page = append(page, b)
		}
	}
	return page[:min(most, len(page))], len(page) > most
}

func (f *fakeBots) Get(bot jid.JID) (v1.Bot, error) {
	if bot.Local() == "none" {
		return v1.Bot{}, gateway.ErrNotFound
	}
	return describe(bot), nil
}

func (f *fakeBots) Image(bot jid.JID) ([]byte, string, error) {
	if bot.Local() == "bob" {
		return nil, "", gateway.ErrNotFound
	}
	return []byte("\x89PNG"), "image/png", nil
}

func (f *fakeBots) Put(_ context.Context, bot jid.JID, keys, image []byte) (v1.Bot, bool, error) {
	f.note("put %s %s %s", bot, keys, image)
	if strings.Contains(string(keys), "wrong") {
		return v1.Bot{}, false, &v1.WrongEndpoint{Problems: []string{"name: is wrong"}}
	}
	return describe(bot), bot.Local() == "new", nil
}

func (f *fakeBots) Delete(_ context.Context, bot jid.JID) error {
	if bot.Local() == "none" {
		return gateway.ErrNotFound
	}
	return nil
}

func (f *fakeBots) SetPresence(_ context.Context, bot jid.JID, p v1.BotPresence) (v1.Bot, error) {
	f.note("presence %s %s", bot, p.Show)
	return describe(bot), nil
}

// Operators change every bot, the token of a bot that bot alone; who may send from a bot, and
// who sees what happens, see it.
func TestBotsScopes(t *testing.T) {
	f := &fakeBots{}
	h := serve(v1.Options{Bots: f})
	for _, tc := range []struct {
		token, method, path, body string
		want                      int
	}{
		{"admin", "PUT", "/v1/bots/new@bot.example.com", `{"name":"x"}`, 201},
		{"admin", "PUT", "/v1/bots/alice@bot.example.com", `{"name":"x"}`, 200},
		{"bound", "PUT", "/v1/bots/Alice@bot.example.com", `{"name":"x"}`, 200},
		{"bound", "PUT", "/v1/bots/alice@bot.example.com/presence", `{"show":"away"}`, 200},
		{"bound", "DELETE", "/v1/bots/alice@bot.example.com", ``, 204},
		{"bound", "GET", "/v1/bots/alice@bot.example.com", ``, 200},
		{"bound", "GET", "/v1/bots/alice@bot.example.com/avatar", ``, 200},
		{"bound", "PUT", "/v1/bots/bob@bot.example.com", `{"name":"x"}`, 403},
		{"bound", "PUT", "/v1/bots/bob@bot.example.com/presence", `{}`, 403},
		{"bound", "DELETE", "/v1/bots/bob@bot.example.com", ``, 403},
		{"bound", "GET", "/v1/bots/bob@bot.example.com", ``, 403},
		{"bound", "GET", "/v1/bots", ``, 403},
		{"sender", "PUT", "/v1/bots/alice@bot.example.com", `{"name":"x"}`, 403},
		{"sender", "GET", "/v1/bots/alice@bot.example.com", ``, 200},
		{"reader", "GET", "/v1/bots", ``, 200},
		{"reader", "GET", "/v1/bots/alice@bot.example.com", ``, 200},
		{"reader", "DELETE", "/v1/bots/alice@bot.example.com", ``, 403},
		{"none", "GET", "/v1/bots/alice@bot.example.com", ``, 403},
		{"none", "PUT", "/v1/bots/alice@bot.example.com", `{}`, 403},
		{"admin", "GET", "/v1/bots/none@bot.example.com", ``, 404},
		{"admin", "DELETE", "/v1/bots/none@bot.example.com", ``, 404},
		{"admin", "GET", "/v1/bots/bob@bot.example.com/avatar", ``, 404},
		{"admin", "GET", "/v1/bots/nobody", ``, 200}, // a domain
		{"admin", "GET", "/v1/bots/@", ``, 400},
	} {
		if w := ask(h, tc.token, tc.method, tc.path, tc.body); w.Code != tc.want {
			t.Errorf("%s: %s %s: %d %s, want %d", tc.token, tc.method, tc.path, w.Code, w.Body, tc.want)
		}
	}
	if got := strings.Join(f.asked, ", "); got != `put new@bot.example.com {"name":"x"} , put alice@bot.example.com {"name":"x"} , put alice@bot.example.com {"name":"x"} , presence alice@bot.example.com away` {
		t.Error(got)
	}
	w := ask(h, "admin", "GET", "/v1/bots/alice@bot.example.com/avatar", "")
	if w.Header().Get("Content-Type") != "image/png" || w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Content-Security-Policy") == "" || w.Body.String() != "\x89PNG" {
		t.Errorf("%v %q", w.Header(), w.Body)
	}
}

func TestBotsPages(t *testing.T) {
	h := serve(v1.Options{Bots: &fakeBots{}})
	for path, want := range map[string]string{
		"/v1/bots?limit=2":                            `b0@ b1@ next "b1@bot.example.com"`,
		"/v1/bots?limit=2&cursor=b1@bot.example.com":  `b2@ b3@ next "b3@bot.example.com"`,
		"/v1/bots?limit=2&cursor=b22@bot.example.com": `b2@ b3@ next "b3@bot.example.com"`,
		"/v1/bots?cursor=zzz":                         `next null`,
		"/v1/bots?limit=1000":                         `b0@ b1@ b2@ b3@ b4@ next null`,
	} {
		w := ask(h, "reader", "GET", path, "")
		var got []string
		for i := range 5 {
			if strings.Contains(w.Body.String(), fmt.Sprintf(`"jid":"b%d@`, i)) {
				got = append(got, fmt.Sprintf("b%d@", i))
			}
		}
		_, next, _ := strings.Cut(w.Body.String(), `"next":`)
		if text := strings.Join(append(got, "next "+strings.TrimRight(next, "}\n")), " "); text != want {
			t.Errorf("%s: %s", path, w.Body)
		}
	}
	isProblem(t, ask(h, "reader", "GET", "/v1/bots?limit=1001", ""), 400, "limit")
}

// A form has the keys and the image as parts; both may be left out, nothing else may be there.
func TestBotsForm(t *testing.T) {
	f := &fakeBots{}
	h := serve(v1.Options{Bots: f})
	part := func(name, content string) string {
		return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + content + "\r\n"
	}
	put := func(body string) (int, string) {
		w := ask(h, "admin", "PUT", "/v1/bots/alice@bot.example.com", body, "Content-Type", "multipart/form-data; boundary=b")
		return w.Code, w.Body.String()
	}
	for body, want := range map[string]string{
		part("avatar", "image") + part("bot", `{"name":"x"}`) + "--b--\r\n": `put alice@bot.example.com {"name":"x"} image`,
		part("avatar", "image") + "--b--\r\n":                               `put alice@bot.example.com {} image`,
		part("bot", `{}`) + "--b--\r\n":                                     `put alice@bot.example.com {} `,
	} {
		if code, text := put(body); code != 200 || f.asked[len(f.asked)-1] != want {
			t.Errorf("%d %s, %q", code, text, f.asked)
		}
	}
	n := len(f.asked)
	for body, want := range map[string]string{
		part("avatar", "") + "--b--\r\n":                    "avatar: is empty",
		part("file", "image") + "--b--\r\n":                 "not known",
		part("bot", "{}") + part("bot", "{}") + "--b--\r\n": "there twice",
		part("avatar", "image"):                             "could not be read to its end",
	} {
		if code, text := put(body); code != 400 || !strings.Contains(text, want) {
			t.Errorf("%q: %d %s", body, code, text)
		}
	}
	if len(f.asked) != n {
		t.Errorf("%q", f.asked[n:])
	}
	isProblem(t, ask(h, "admin", "PUT", "/v1/bots/alice@bot.example.com", `{"name":"wrong"}`), 400, "name: is wrong")
}
