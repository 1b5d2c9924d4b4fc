package app

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"stanzahook/httpapi/v1"
	"stanzahook/pkg/stanza"
)

// Events that wait are delivered to where their endpoint is now, in order, and
// those that come later too; the connection to the server stays.
func TestReloadMovesAnEndpoint(t *testing.T) {
	old, next := newBot(t, "old"), newBot(t, "new")
	config := func(url string) string {
		return noAuth + fmt.Sprintf("endpoints: [{name: echo, url: %q, retry: {schedule: [1h]}}]\n", url)
	}
	x := startApp(t, config(old.URL))
	x.send("juliet", "echo", "0")
	x.hears("juliet", "old: 0")
	old.answer(http.StatusInternalServerError)
	for i := 1; i <= 5; i++ {
		x.send("juliet", "echo", fmt.Sprint(i))
	}
	<-old.asked // for 0
	<-old.asked
	x.reloads(config(next.URL), "endpoint echo")
	x.send("juliet", "echo", "6")
	for i := 1; i <= 6; i++ {
		x.hears("juliet", fmt.Sprintf("new: %d", i))
	}
	if want := []string{"1", "2", "3", "4", "5", "6"}; !slices.Equal(next.got(), want) {
		t.Errorf("the new one got %q", next.got())
	}
	if n := x.srv.Accepted(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// An endpoint that is the same in the new configuration is left alone: what has
// failed there goes on waiting.
func TestReloadLeavesOthersAlone(t *testing.T) {
	bot := newBot(t, "bot")
	config := noAuth + fmt.Sprintf("endpoints: [{name: echo, url: %q, retry: {schedule: [1h]}}]\n", bot.URL)
	rosters := fmt.Sprintf("rosters: [{host: example.com, url: %q}]\n", bot.URL+"/%s")
	x := startApp(t, config+rosters)
	bot.answer(http.StatusInternalServerError)
	x.send("juliet", "echo", "1")
	<-bot.asked
	endpoint, way := x.workers[0].Endpoint(), x.rosters.Backends["example.com"]
	x.reloads(config+rosters+"drain: 3s\n", "drain")
	if x.workers[0].Endpoint() != endpoint || x.rosters.Backends["example.com"] != way {
		t.Error("it was made anew")
	}
	bot.answer(0)
	x.send("romeo", "echo", "2")
	x.hears("romeo", "bot: 2")
	if want := []string{"1", "2"}; !slices.Equal(bot.got(), want) {
		t.Errorf("the bot got %q", bot.got())
	}
}

// An attempt that is under way while its endpoint moves, and fails then, is made
// again at once, where the endpoint is now.
func TestReloadDuringAnAttempt(t *testing.T) {
	asked, end := make(chan struct{}), make(chan struct{})
	old := newWeb(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-end
		w.WriteHeader(http.StatusGone) // which would disable it
	})
	next := newBot(t, "new")
	config := func(url string) string {
		return noAuth + fmt.Sprintf("endpoints: [{name: echo, url: %q, retry: {schedule: [1h]}}]\n", url)
	}
	x := startApp(t, config(old.URL))
	x.send("juliet", "echo", "1")
	<-asked
	x.reloads(config(next.URL), "endpoint echo")
	x.send("juliet", "echo", "2")
	close(end)
	x.hears("juliet", "new: 1")
	x.hears("juliet", "new: 2")
}

// The events of an endpoint that is removed wait for it, and are there when it
// comes back; meanwhile others are asked.
func TestReloadRemovesAnEndpoint(t *testing.T) {
	bot, other := newBot(t, "bot"), newBot(t, "other")
	echo := fmt.Sprintf("{name: echo, url: %q, match: {to: \"echo@*\"}}", bot.URL)
	rest := fmt.Sprintf("{name: rest, url: %q}", other.URL)
	x := startApp(t, noAuth+"endpoints: ["+echo+"]\n")
	bot.answer(http.StatusServiceUnavailable)
	x.send("juliet", "echo", "1")
	x.send("juliet", "echo", "2")
	x.send("romeo", "echo", "3")
	<-bot.asked
	<-bot.asked
	x.reloads(noAuth+"endpoints: ["+rest+"]\n", "endpoint rest, endpoint echo (removed)")
	x.send("juliet", "echo", "4")
	x.hears("juliet", "other: 4")
	var st v1.Status
	x.get("/v1/status", &st)
	if len(st.Endpoints) != 1 || len(st.Removed) != 1 || st.Removed[0].Name != "echo" || st.Removed[0].Queued != 3 {
		t.Errorf("%+v %+v", st.Endpoints, st.Removed)
	}
	bot.answer(0)
	x.reloads(noAuth+"endpoints: ["+echo+", "+rest+"]\n", "endpoint echo")
	for _, want := range []string{"1", "2"} {
		x.hears("juliet", "bot: "+want)
	}
	x.hears("romeo", "bot: 3")
	x.send("juliet", "echo", "5")
	x.hears("juliet", "bot: 5")
	st = v1.Status{}
	x.get("/v1/status", &st)
	if len(st.Endpoints) != 2 || len(st.Removed) != 0 {
		t.Errorf("%+v %+v", st.Endpoints, st.Removed)
	}
}

// A configuration with mistakes, or one that changes what cannot be changed
// now, is refused as a whole.
func TestReloadRefuses(t *testing.T) {
	bot := newBot(t, "bot")
	good := noAuth + fmt.Sprintf("endpoints: [{name: echo, url: %q}]\n", bot.URL)
	x := startApp(t, good)
	for _, tc := range []struct{ name, text, want string }{
		{"a mistake", strings.Replace(good, "name: echo", "nam: echo", 1), "x.yaml:4: endpoints[0].nam: unknown key"},
		{"delivery", strings.Replace(good, "name: echo", "name: echo, delivery: direct", 1), "endpoints[0] (echo): an endpoint's delivery, and whether it has a url, change with a restart only (or with another name)"},
		{"pull", noAuth + "endpoints: [{name: echo}]\n", "endpoints[0] (echo): an endpoint's delivery"},
		{"the address", strings.Replace(good, "127.0.0.1:0", "127.0.0.1:1", 1), "http.listen: changed; restart stanzahook to apply it"},
		{"what is kept", good + "outbox: {max_count: 7}\n", "outbox: changed; restart stanzahook to apply it"},
		{"the log", good + "log: {format: console}\n", "log.format: changed; restart stanzahook to apply it"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := x.reload(tc.text + "drain: 1s\n")
			no, ok := errors.AsType[*v1.Refusal](err)
			if !ok || !strings.Contains(strings.Join(no.Problems, "\n"), tc.want) {
				t.Errorf("%v", err)
			}
			if ok && strings.Contains(fmt.Sprint(no.Problems), "secret") {
				t.Error("a secret is shown")
			}
		})
	}
	head := x.head
	x.head = strings.Replace(head, testSecret, "another", 1)
	if _, err := x.reload(good); err == nil || strings.Contains(err.Error(), "another") {
		t.Errorf("another component: %v", err)
	}
	x.head = head
	x.reloads(good, "")
	x.send("juliet", "echo", "1")
	x.hears("juliet", "bot: 1")
	if status, body := x.call("", "POST", "/v1/reload", ""); status != 200 || body != "{\"changed\":[]}\n" {
		t.Errorf("%d %s", status, body)
	}
}

// Tokens, rosters and the HTTP server's limits are those of the new
// configuration.
func TestReloadTheRest(t *testing.T) {
	contacts := newWeb(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "{}") })
	config := func(name string) string {
		return "http: {listen: \"127.0.0.1:0\", max_body_bytes: 20000, tokens: [" + token(name, "roster, admin") + "]}\n"
	}
	x := startApp(t, config("one"))
	x.srv.Send("<message from='users.example.net' to='bot.example.com'><privilege xmlns='urn:xmpp:privilege:2'><perm access='roster' type='both'/></privilege></message>")
	x.srv.Answer(func(s *stanza.Stanza) string {
		return fmt.Sprintf("<iq type='result' id='%s' from='%s' to='%s'><query xmlns='jabber:iq:roster'/></iq>", s.ID, s.To, s.From)
	})
	ask := func(token, want string) {
		t.Helper()
		if status, body := x.call(token, "POST", "/roster_admin/refresh", `["john"]`, "Content-Type", ""); !strings.Contains(fmt.Sprint(status, " ", body), want) {
			t.Errorf("%d %s, want %s", status, body, want)
		}
	}
	ask("one", "404")
	ask("two", "403")
	rosters := fmt.Sprintf("rosters: [{host: users.example.net, url: %q, backend: privilege}]\n", contacts.URL+"/%s")
	x.reloads(config("two")+rosters, "rosters, http.tokens")
	ask("one", "403")
	ask("two", `200 {"status":"ok","message":"roster update complete","updated":1,"errors":0}`)
	x.reloads(config("two"), "rosters")
	ask("two", "404")
}
