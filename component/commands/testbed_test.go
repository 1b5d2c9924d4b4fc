package commands_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/component/commands"
	"stanzahook/component/componenttest"
	"stanzahook/pkg/command"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/form"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

const bot = "echo@bot.example.com"

// stage is a component with a bot that has commands, and the webhook behind them.
type stage struct {
	*componenttest.Server
	all    *commands.Commands
	link   *component.Link
	events chan submitted
	answer chan func(w http.ResponseWriter) // nil in it: no answer before the end
	passed chan *stanza.Stanza              // what commands did not take
	nick   atomic.Pointer[jid.JID]          // the person with the nick al in the room ops
	n      int
}

type submitted struct {
	Type, Endpoint string
	Data           struct {
		Node, Session, From, To, Action string
		Room                            *struct{ JID, Nick string }
		Step                            int
		Values                          map[string]any
	}
}

type sender struct{ link **component.Link }

func (s sender) Send(_ string, x *stanza.Stanza, _ bool, done func(error)) error {
	return (*s.link).Send(x, done)
}

func says(contentType, body string, status int) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func inJSON(body string) func(http.ResponseWriter) { return says("application/json", body, 200) }

func globs(t *testing.T, texts ...string) (all []jid.Glob) {
	t.Helper()
	for _, text := range texts {
		g, err := jid.ParseGlob(text)
		require.NoError(t, err)
		all = append(all, g)
	}
	return all
}

func newStage(t *testing.T, timeout time.Duration) *stage {
	t.Helper()
	g := &stage{Server: componenttest.NewServer(t, "bot.example.com", "secret"), events: make(chan submitted, 100), answer: make(chan func(http.ResponseWriter), 100), passed: make(chan *stanza.Stanza, 100)}
	alice := jid.MustParse("alice@example.com")
	g.nick.Store(&alice)
	end := make(chan struct{})
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var ev submitted
		if err := json.Unmarshal(body, &ev); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		g.events <- ev
		select {
		case answer := <-g.answer:
			if answer != nil {
				answer(w)
				return
			}
			<-end
		case <-end:
		}
	}))
	t.Cleanup(hook.Close)
	t.Cleanup(func() { close(end) })
	e := &webhook.Endpoint{Name: "ops", URL: hook.URL, Timeout: 30 * time.Second, Batch: 10}
	w, err := delivery.NewWorker(e, sender{&g.link}, zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(func() { w.Stop(t.Context()) })
	g.all = commands.New(commands.Options{
		Behind: func(from, _ jid.JID) (jid.JID, bool) {
			switch from.String() {
			case "open@rooms.example.com/alice":
				return jid.MustParse("alice@example.com"), true
			case "ops@rooms.example.com/al":
				return *g.nick.Load(), true
			case "open@rooms.example.com/carol":
				return jid.MustParse("carol@elsewhere.example"), true
			}
			return jid.JID{}, from.Domain() == "rooms.example.com"
		},
		Own: func(domain string) bool { return domain == "bot.example.com" }, Sender: sender{&g.link},
	})
	worker := func() *delivery.Worker { return w }
	g.all.Set([]*commands.Command{
		{Worker: worker, Timeout: timeout, Command: command.Command{Node: "deploy", Name: "Deploy", Bots: globs(t, bot), Allow: globs(t, "*@example.com"), Chat: "/deploy",
			Form:  &form.Form{Title: "Deploy", Fields: []form.Field{{Name: "env", Type: form.List, Required: true, Options: []form.Option{{Value: "staging"}, {Value: "prod"}}}, {Name: "key", Type: form.Private}}},
			Forms: map[string]*form.Form{"sure": {Fields: []form.Field{{Name: "sure", Type: form.Boolean}}}}}},
		{Worker: worker, Timeout: timeout, Command: command.Command{Node: "now", Name: "Now", Bots: globs(t, bot), Allow: globs(t, "alice@example.com"), Chat: "/now"}},
		{Timeout: timeout, Command: command.Command{Node: "nobody", Name: "Nobody", Bots: globs(t, bot)}},
	})
	go g.all.Run(t.Context())
	l, stop := g.Run(component.Options{Handler: component.Chain{g.all, component.HandlerFunc(func(in *component.Incoming) bool {
		g.passed <- in.Stanza
		return false
	})}})
	t.Cleanup(stop)
	g.link = l
	g.WaitConnected(1)
	return g
}

func (g *stage) next(t *testing.T) submitted {
	t.Helper()
	select {
	case ev := <-g.events:
		return ev
	case <-time.After(10 * time.Second):
		t.Fatal("no event")
		return submitted{}
	}
}

// iq asks, and returns the answer.
func (g *stage) iq(kind, from, to, payload string) *stanza.Stanza {
	g.n++
	id := fmt.Sprint("q", g.n)
	g.Send(fmt.Sprintf("<iq type='%s' id='%s' from='%s' to='%s'>%s</iq>", kind, id, from, to, payload))
	return g.ExpectID(id)
}

func (g *stage) run(from, attrs, inner string) *stanza.Stanza {
	return g.iq("set", from, bot, "<command xmlns='http://jabber.org/protocol/commands' "+attrs+">"+inner+"</command>")
}

func submit(fields ...string) string {
	var b strings.Builder
	b.WriteString("<x xmlns='jabber:x:data' type='submit'>")
	for i := 0; i < len(fields); i += 2 {
		b.WriteString("<field var='" + fields[i] + "'><value>" + fields[i+1] + "</value></field>")
	}
	return b.String() + "</x>"
}

func session(t *testing.T, s *stanza.Stanza) string {
	t.Helper()
	c, ok := s.Child("http://jabber.org/protocol/commands", "command")
	id, _ := s.ChildAttr(c, "sessionid")
	if !ok || id == "" {
		t.Fatalf("no session: %s", s.XML())
	}
	return id
}

func has(t *testing.T, s *stanza.Stanza, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(s.XML(), p) {
			t.Errorf("%s has no %s", s.XML(), p)
		}
	}
}
