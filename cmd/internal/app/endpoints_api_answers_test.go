package app

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"stanzahook/cmd/internal/made"
	"stanzahook/httpapi/v1"
)

// There is a bound; what there is can be replaced and deleted all the same.
func TestTooManyEndpoints(t *testing.T) {
	x := startApp(t, noAuth)
	x.put("one", `{"match":{"to":"one@*"}}`, 201)
	all := x.made.endpoints.Now()
	for i := 1; len(all) < made.Max; i++ {
		all, _, _ = all.With(fmt.Sprint("n", i), nil, nil)
	}
	x.made.endpoints.Set(all)
	status, body := x.call("", "PUT", "/v1/endpoints/more", `{}`)
	if status != 507 || !strings.Contains(body, "there are 1000 endpoints of the API") {
		t.Errorf("%d %s", status, body)
	}
	x.put("one", `{"match":{"to":"two@*"}}`, 200)
	x.deletes("n7", 204)
	if e := x.put("more", `{"match":{"to":"more@*"}}`, 201); e.Name != "more" {
		t.Errorf("%+v", e)
	}
	all = x.made.endpoints.Now()
	if last := all[len(all)-1]; last.Name != "more" || last.Slot != 7 {
		t.Errorf("%+v", last)
	}
}

// What is wrong with an endpoint changes nothing, and is said with the key.
func TestWrongEndpoints(t *testing.T) {
	x := startApp(t, "http: {listen: \"127.0.0.1:0\", tokens: ["+token("boss", "admin")+", "+token("worker", "send, query, roster, events")+"]}\n")
	for _, c := range []struct {
		token, method, path, body string
		status                    int
		want                      string
	}{
		{"worker", "PUT", "/v1/endpoints/e", "{}", 403, "admin"},
		{"worker", "DELETE", "/v1/endpoints/e", "", 403, "admin"},
		{"worker", "POST", "/v1/endpoints/e/match", `{"to":"a@bot.example.com"}`, 403, "admin"},
		{"boss", "PUT", "/v1/endpoints/e", `{"url":"http://10.1.2.3/"}`, 422, `"problems":["url: 10.1.2.3 is a private address`},
		{"boss", "PUT", "/v1/endpoints/e", `{"url":"http://10.1.2.3/","batch":0}`, 400, "batch: 0 is not between"},
		{"boss", "PUT", "/v1/endpoints/e", `{"rul":"x"}`, 400, `did you mean \"url\"?`},
		{"boss", "PUT", "/v1/endpoints/e", `{"match":{"to":"` + strings.Repeat("x", 64<<10) + `"}}`, 413, "64 KiB"},
		{"boss", "PUT", "/v1/endpoints/E", `{}`, 400, "name: "},
		{"boss", "PUT", "/v1/endpoints/e?x=1", `{}`, 400, "x"},
		{"boss", "DELETE", "/v1/endpoints/e", "", 404, "no endpoint is named"},
		{"boss", "POST", "/v1/endpoints/e/match", `{"to":"a@bot.example.com"}`, 404, "no endpoint is named"},
		{"boss", "GET", "/v1/endpoints", "", 200, `{"items":[],"next":null}`},
	} {
		if status, body := x.call(c.token, c.method, c.path, c.body); status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s %s %.80s: %d %s, want %d %s", c.method, c.path, c.body, status, body, c.status, c.want)
		}
	}
	if all, err := x.store.MadeEndpoints().All(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%v %v are stored", all, err)
	}
}

// The secrets of an endpoint are in no answer, no metric and no log line.
func TestSecretsOfEndpoints(t *testing.T) {
	bot := newBot(t, "bot")
	core, logs := observer.New(zap.DebugLevel)
	x := startAt(t, newServer(t), zap.New(core), noAuth)
	keys := hook(bot.URL+"/hook?key=hunter2", `,"headers":{"Authorization":"Bearer hunter2"},"signing_secrets":["whsec_aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMg=="]`)
	var shown []string
	for _, c := range [][3]string{
		{"PUT", "/v1/endpoints/echo", keys}, {"PUT", "/v1/endpoints/echo", keys}, {"GET", "/v1/endpoints/echo", ""}, {"GET", "/v1/endpoints", ""}, {"GET", "/v1/status", ""}, {"GET", "/v1/config", ""},
		{"POST", "/v1/endpoints/echo/test", ""}, {"POST", "/v1/endpoints/echo/match", `{"to":"a@bot.example.com"}`}, {"GET", "/metrics", ""},
		{"PUT", "/v1/endpoints/bad", strings.Replace(keys, `"url"`, `"rul"`, 1)}, {"PUT", "/v1/endpoints/bad", strings.Replace(keys, `"]}`, `]}`, 1)}, {"PUT", "/v1/endpoints/bad", strings.Replace(keys, "whsec_", "", 1)},
		{"POST", "/v1/reload", ""},
	} {
		status, body := x.call("", c[0], c[1], c[2])
		shown = append(shown, fmt.Sprint(c[0], " ", c[1], " ", status, " ", body))
	}
	x.send("juliet", "echo", "1")
	x.hears("juliet", "bot: 1")
	if config := shown[5]; !strings.Contains(config, `{"key":"endpoints[0].headers.Authorization","value":"<secret>","source":"api","line":null}`) {
		t.Errorf("the configuration is %s", config)
	}
	for _, e := range logs.All() {
		text, _ := json.Marshal(e.ContextMap())
		shown = append(shown, e.Message+" "+string(text))
	}
	for _, text := range append(shown, fmt.Sprintf("%v %+v %#v", x.made.endpoints.Now(), x.cfg, x.cfg.Endpoints)) {
		if strings.Contains(text, "hunter2") && !strings.Contains(text, "URL:") || strings.Contains(text, "aHVudGVyMm") {
			t.Errorf("a secret is shown: %s", text)
		}
	}
}

// Who gets a stanza, and why, by the index that incoming stanzas are routed by.
func TestMatch(t *testing.T) {
	x := startApp(t, noAuth+`endpoints:
  - {name: audit, url: "http://127.0.0.1:1/", copy: true, stanzas: [message, presence]}
  - {name: first, url: "http://127.0.0.1:1/", match: {to: "first@*", from: "*@example.com"}}
  - {name: iqs, url: "http://127.0.0.1:1/", stanzas: [iq]}
`)
	x.put("rest", `{"match":{"type":"chat","body":true}}`, 201)
	for _, c := range []struct{ name, body, want string }{
		{"first", `{"to":"first@bot.example.com","from":"u@example.com/r","body":"x"}`, `true first [audit] it is the first that matches`},
		{"first", `{"stanza":"<message type='chat' to='first@bot.example.com' from='u@example.com/r'><body>x</body></message>"}`, `true first [audit] it is the first that matches`},
		{"rest", `{"to":"first@bot.example.com","from":"u@example.com/r","body":"x"}`, `true first [audit] it matches, but first stands before it, and gets the stanza`},
		{"audit", `{"to":"first@bot.example.com","from":"u@example.com/r","body":"x"}`, `true first [audit] it gets a copy`},
		{"first", `{"to":"other@bot.example.com","from":"u@example.com/r","body":"x"}`, `false rest [audit] match.to: no pattern fits other@bot.example.com`},
		{"first", `{"to":"first@bot.example.com","from":"u@example.net","body":"x"}`, `false rest [audit] match.from: no pattern fits u@example.net`},
		{"rest", `{"to":"x@bot.example.com","type":"groupchat","body":"x"}`, `false null [audit] match.type: the type groupchat is not among chat`},
		{"rest", `{"to":"x@bot.example.com","state":"composing"}`, `false null [audit] match.body: the stanza has no body`},
		{"rest", `{"to":"x@bot.example.com","kind":"iq","ping":true}`, `false iqs [] url: an endpoint without url gets no IQs, which need an answer at once`},
		{"first", `{"to":"x@bot.example.com","kind":"iq","ping":true}`, `false iqs [] stanzas: it gets message, and this is iq`},
		{"audit", `{"to":"x@bot.example.com","type":"unavailable"}`, `true null [audit] it gets a copy`},
		{"audit", `{"to":"x@bot.example.com","type":"subscribe"}`, `false null [] type: presence of type subscribe is answered by stanzahook itself, with components[0].presence: auto`},
		{"iqs", `{"to":"x@bot.example.com","type":"result","kind":"iq","ping":true}`, `false null [] type: the answer of an IQ goes to who asked, and to no endpoint`},
		{"first", `{"to":"u@example.com","body":"x"}`, `false null [] to: example.com is not the domain of a component, so the server does not send the stanza here`},
	} {
		status, body := x.call("", "POST", "/v1/endpoints/"+c.name+"/match", c.body)
		var m v1.Matched
		if err := json.Unmarshal([]byte(body), &m); err != nil {
			t.Errorf("%d %s", status, body)
			continue
		}
		by := "null"
		if m.TakenBy != nil {
			by = *m.TakenBy
		}
		if got := fmt.Sprint(m.Match, " ", by, " ", m.Copies, " ", m.Why); got != c.want || status != 200 {
			t.Errorf("%s %s\ngot  %s\nwant %s", c.name, c.body, got, c.want)
		}
	}
	for body, want := range map[string]string{
		``: "not a JSON object", `{}`: "to: is missing", `{"body":"x"}`: "to: is missing", `{"to":"a@bot.example.com","bdoy":"x"}`: `unknown key`,
		`{"stanza":"<message"}`: "stanza: ", `{"stanza":"<message/>"}`: "stanza: has no to", `{"stanza":"<message to='a@b'/>","to":"c@d"}`: "without other keys", `{"stanza":5}`: "as a string",
	} {
		x.request("POST", "/v1/endpoints/first/match", body, 400, want, "Content-Type", "application/json")
	}
}
