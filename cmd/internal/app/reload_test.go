package app

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/component/componenttest"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/stanza"
)

// namedBot is a bot that notes what it gets, and answers with its name.
type namedBot struct {
	*httptest.Server
	asked  chan struct{} // one for each request
	mu     sync.Mutex
	bodies []string
	status int // of its answers; 0: 200 with its name
}

func newNamedBot(t *testing.T, name string) *namedBot {
	h := &namedBot{asked: make(chan struct{}, 100)}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var ev struct{ Data struct{ Body string } }
		_ = json.NewDecoder(r.Body).Decode(&ev)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.bodies = append(h.bodies, ev.Data.Body)
		h.asked <- struct{}{}
		if h.status != 0 {
			w.WriteHeader(h.status)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintf(w, "%s: %s", name, ev.Data.Body)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *namedBot) answer(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = status
}

// reloaded is a running app whose configuration a test rewrites.
type reloaded struct {
	*App
	t    *testing.T
	srv  *componenttest.Server
	r    *Reloader
	text string
}

func startReloadable(t *testing.T, text string) *reloaded {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	x := &reloaded{t: t, srv: srv}
	head := fmt.Sprintf("components: [{domain: bot.example.com, server: %q, secret: secret}]\nstore: {dir: %q}\n", srv.Addr(), t.TempDir())
	x.text = head + text
	load := func() (*config.Config, error) { return config.Parse("x.yaml", []byte(x.text), nil) }
	x.r = &Reloader{Load: load, Level: zap.NewAtomicLevel()}
	cfg, err := load()
	if err != nil {
		t.Fatal(err)
	}
	if x.App, err = Start(t.Context(), cfg, zap.NewNop(), nil, x.r); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.Stop)
	srv.WaitConnected(1)
	return x
}

// reload rewrites the part of the configuration behind its head.
func (x *reloaded) reload(text string) ([]string, error) {
	lines := strings.SplitAfterN(x.text, "\n", 3)
	x.text = lines[0] + lines[1] + text
	return x.r.reload(x.t.Context())
}

func (x *reloaded) taken(text, changed string) {
	x.t.Helper()
	got, err := x.reload(text)
	if err != nil {
		x.t.Fatalf("%v", err)
	}
	if strings.Join(got, ", ") != changed {
		x.t.Errorf("changed %q, want %q", got, changed)
	}
}

func (x *reloaded) say(user, body string) {
	x.srv.Send(fmt.Sprintf("<message type='chat' from='%s@example.com/r' to='echo@bot.example.com' id='%s'><body>%s</body></message>", user, body, body))
}

func (x *reloaded) hears(user, body string) {
	x.t.Helper()
	var last string
	x.srv.Expect(fmt.Sprintf("%q for %s", body, user), func(s *stanza.Stanza) bool {
		last, _ = s.Body()
		return s.Kind == stanza.Message && s.To.Local() == user && last == body
	})
}

const reloadHTTP = "http: {listen: \"127.0.0.1:0\", insecure_no_auth: true}\n"

// Events that wait are delivered to where their endpoint is now, in order, and
// those that come later too; the connection to the server stays.
func TestReloadMovesAnEndpoint(t *testing.T) {
	old, next := newNamedBot(t, "old"), newNamedBot(t, "new")
	config := func(url string) string {
		return reloadHTTP + fmt.Sprintf("endpoints: [{name: echo, url: %q, retry: {schedule: [1h]}}]\n", url)
	}
	x := startReloadable(t, config(old.URL))
	x.say("juliet", "0")
	x.hears("juliet", "old: 0")
	old.answer(http.StatusInternalServerError)
	for i := 1; i <= 5; i++ {
		x.say("juliet", fmt.Sprint(i))
	}
	<-old.asked // for 0
	<-old.asked
	x.taken(config(next.URL), "endpoint echo")
	x.say("juliet", "6")
	for i := 1; i <= 6; i++ {
		x.hears("juliet", fmt.Sprintf("new: %d", i))
	}
	next.mu.Lock()
	defer next.mu.Unlock()
	if want := []string{"1", "2", "3", "4", "5", "6"}; !slices.Equal(next.bodies, want) {
		t.Errorf("the new one got %q", next.bodies)
	}
	if n := x.srv.Accepted(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// An endpoint that is the same in the new configuration is left alone: what has
// failed there goes on waiting.
func TestReloadLeavesOthersAlone(t *testing.T) {
	bot := newNamedBot(t, "bot")
	config := reloadHTTP + fmt.Sprintf("endpoints: [{name: echo, url: %q, retry: {schedule: [1h]}}]\n", bot.URL)
	rosters := fmt.Sprintf("rosters: [{host: example.com, url: %q}]\n", bot.URL+"/%s")
	x := startReloadable(t, config+rosters)
	bot.answer(http.StatusInternalServerError)
	x.say("juliet", "1")
	<-bot.asked
	endpoint, way := x.workers[0].Endpoint(), x.backends["example.com"]
	x.taken(config+rosters+"drain: 3s\n", "drain")
	if x.workers[0].Endpoint() != endpoint || x.backends["example.com"] != way {
		t.Error("it was made anew")
	}
	bot.answer(0)
	x.say("romeo", "2")
	x.hears("romeo", "bot: 2")
	bot.mu.Lock()
	defer bot.mu.Unlock()
	if want := []string{"1", "2"}; !slices.Equal(bot.bodies, want) {
		t.Errorf("the bot got %q", bot.bodies)
	}
}

// An attempt that is under way while its endpoint moves, and fails then, is made
// again at once, where the endpoint is now.
func TestReloadDuringAnAttempt(t *testing.T) {
	asked, end := make(chan struct{}), make(chan struct{})
	old := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-end
		w.WriteHeader(http.StatusGone) // which would disable it
	}))
	defer old.Close()
	next := newNamedBot(t, "new")
	config := func(url string) string {
		return reloadHTTP + fmt.Sprintf("endpoints: [{name: echo, url: %q, retry: {schedule: [1h]}}]\n", url)
	}
	x := startReloadable(t, config(old.URL))
	x.say("juliet", "1")
	<-asked
	x.taken(config(next.URL), "endpoint echo")
	x.say("juliet", "2")
	close(end)
	x.hears("juliet", "new: 1")
	x.hears("juliet", "new: 2")
}

// The events of an endpoint that is removed wait for it, and are there when it
// comes back; meanwhile others are asked.
func TestReloadRemovesAnEndpoint(t *testing.T) {
	bot, other := newNamedBot(t, "bot"), newNamedBot(t, "other")
	echo := fmt.Sprintf("{name: echo, url: %q, match: {to: \"echo@*\"}}", bot.URL)
	rest := fmt.Sprintf("{name: rest, url: %q}", other.URL)
	x := startReloadable(t, reloadHTTP+"endpoints: ["+echo+"]\n")
	bot.answer(http.StatusServiceUnavailable)
	x.say("juliet", "1")
	x.say("juliet", "2")
	x.say("romeo", "3")
	<-bot.asked
	<-bot.asked
	x.taken(reloadHTTP+"endpoints: ["+rest+"]\n", "endpoint rest, endpoint echo (removed)")
	x.say("juliet", "4")
	x.hears("juliet", "other: 4")
	var st v1.Status
	getJSON(t, "http://"+x.Addr+"/v1/status", &st)
	if len(st.Endpoints) != 1 || len(st.Removed) != 1 || st.Removed[0].Name != "echo" || st.Removed[0].Queued != 3 {
		t.Errorf("%+v %+v", st.Endpoints, st.Removed)
	}
	bot.answer(0)
	x.taken(reloadHTTP+"endpoints: ["+echo+", "+rest+"]\n", "endpoint echo")
	for _, want := range []string{"1", "2"} {
		x.hears("juliet", "bot: "+want)
	}
	x.hears("romeo", "bot: 3")
	x.say("juliet", "5")
	x.hears("juliet", "bot: 5")
	st = v1.Status{}
	getJSON(t, "http://"+x.Addr+"/v1/status", &st)
	if len(st.Endpoints) != 2 || len(st.Removed) != 0 {
		t.Errorf("%+v %+v", st.Endpoints, st.Removed)
	}
}

func getJSON(t *testing.T, url string, v any) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
		t.Fatal(err)
	}
}

// A configuration with mistakes, or one that changes what cannot be changed
// now, is refused as a whole.
func TestReloadRefuses(t *testing.T) {
	bot := newNamedBot(t, "bot")
	good := reloadHTTP + fmt.Sprintf("endpoints: [{name: echo, url: %q}]\n", bot.URL)
	x := startReloadable(t, good)
	head := x.text[:len(x.text)-len(good)]
	for _, tc := range []struct{ name, text, want string }{
		{"a mistake", strings.Replace(good, "name: echo", "nam: echo", 1), "x.yaml:4: endpoints[0].nam: unknown key"},
		{"delivery", strings.Replace(good, "name: echo", "name: echo, delivery: direct", 1), "endpoints[0] (echo): an endpoint's delivery, and whether it has a url, change with a restart only (or with another name)"},
		{"pull", reloadHTTP + "endpoints: [{name: echo}]\n", "endpoints[0] (echo): an endpoint's delivery"},
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
	x.text = strings.Replace(head, "secret: secret", "secret: other", 1) + good
	if _, err := x.r.reload(t.Context()); err == nil || strings.Contains(err.Error(), "other") {
		t.Errorf("another component: %v", err)
	}
	x.text = head + good
	x.say("juliet", "1")
	x.hears("juliet", "bot: 1")
	x.taken(good, "")
	resp, err := http.Post("http://"+x.Addr+"/v1/reload", "application/json", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 || string(body) != "{\"changed\":[]}\n" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// Tokens, rosters and the HTTP server's limits are those of the new
// configuration.
func TestReloadTheRest(t *testing.T) {
	contacts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "{}") }))
	defer contacts.Close()
	token := func(name string) string {
		return fmt.Sprintf("http: {listen: \"127.0.0.1:0\", max_body_bytes: 20000, tokens: [{name: %s, hash: \"sha256:%x\", scopes: [roster, admin]}]}\n", name, sum(name))
	}
	x := startReloadable(t, token("one"))
	x.srv.Send("<message from='users.example.net' to='bot.example.com'><privilege xmlns='urn:xmpp:privilege:2'><perm access='roster' type='both'/></privilege></message>")
	x.srv.Answer(func(s *stanza.Stanza) string {
		return fmt.Sprintf("<iq type='result' id='%s' from='%s' to='%s'><query xmlns='jabber:iq:roster'/></iq>", s.ID, s.To, s.From)
	})
	ask := func(token, want string) {
		t.Helper()
		req, err := http.NewRequestWithContext(context.Background(), "POST", "http://"+x.Addr+"/roster_admin/refresh", strings.NewReader(`["john"]`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if body, _ := io.ReadAll(resp.Body); !strings.Contains(fmt.Sprint(resp.StatusCode, " ", string(body)), want) {
			t.Errorf("%d %s, want %s", resp.StatusCode, body, want)
		}
	}
	ask("one", "404")
	ask("two", "403")
	rosters := fmt.Sprintf("rosters: [{host: users.example.net, url: %q, backend: privilege}]\n", contacts.URL+"/%s")
	x.taken(token("two")+rosters, "rosters, http.tokens")
	ask("one", "403")
	ask("two", `200 {"status":"ok","message":"roster update complete","updated":1,"errors":0}`)
	x.taken(token("two"), "rosters")
	ask("two", "404")
}

func sum(text string) [32]byte { return sha256.Sum256([]byte(text)) }
