//go:build integration && console

package console

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/wrongbot"
)

// stage is one server with a bot, a user, a web application with contacts, and a
// stanzahook whose console is looked at.
type stage struct {
	t       *testing.T
	server  *lab.Server
	bot     *harness.Bot
	wrong   *wrongbot.Handler
	hook    *http.Server // of the bot; nil while it is down
	address string       // of the bot
	app     *harness.ContactsApp
	file    string
	config  string
	program *harness.Program
	user    *lab.Client
	listen  string
}

// hostile is the resource of the user: it is in the sender of each message.
const hostile = `"><img src=x onerror=alert(1)>`

const config = `
components:
  - {domain: bots.localhost, server: "%s", secret: %s, uploads: {allow_networks: [127.0.0.1/32]}}
endpoints:
  - name: echo
    url: http://%s/hook
    match: {to: echo@bots.localhost}
    retry: {schedule: [200ms], max_age: 1h}
  - {name: other, url: "http://%[3]s/hook", match: {to: other@bots.localhost}}
  - {name: wrong, url: "http://%[3]s/wrong", match: {to: "wrong-*@bots.localhost"}, timeout: 1s, retry: {schedule: [200ms], max_age: 1h}}
rosters:
  - host: localhost
    url: "%s/contacts/%%s"
    refresh_on_login: false
%s
http:
  listen: %s
  tokens:
    - {name: ops, hash: "sha256:%x", scopes: [send, query, roster, rooms, events, admin]}
    - {name: look, hash: "sha256:%x", scopes: [read]}
    - {name: shop, hash: "sha256:%x", scopes: [send]}
    - {name: lounge, hash: "sha256:%x", scopes: [send, rooms], rooms: ["lounge@*"]}
rooms:
  - {jid: lobby@rooms.localhost, from: echo@bots.localhost, nick: Echo, create: true}
hooks:
  - {name: alerts, adapter: text, secret_hash: "sha256:%x", from: alerts@bots.localhost, to: [alice@localhost]}
store: {dir: store}
drain: 1s
`

func newStage(t *testing.T, kind lab.Kind) *stage {
	s := &stage{t: t, bot: &harness.Bot{Forget: true}, wrong: &wrongbot.Handler{}, app: harness.NewContactsApp(t), address: harness.FreeAddress(t), listen: harness.FreeAddress(t)}
	s.server = harness.StartServer(t, harness.WithUploads(t, harness.WithRooms(harness.RosterOptions(kind, []string{"alice", "bob"}, harness.Privileged("bots"))), "bots.localhost"))
	s.up()
	t.Cleanup(s.down)
	api := ""
	if kind == lab.Ejabberd {
		api = fmt.Sprintf("    ejabberd_api: {url: %q, user: %s@localhost, password: %s}", s.server.APIURL(), harness.RosterAdmin, harness.RosterPassword)
	}
	s.config = fmt.Sprintf(config, s.server.ComponentAddr(), harness.Secret, s.address, s.app.Server.URL, api, s.listen,
		sha256.Sum256([]byte("token-ops")), sha256.Sum256([]byte("token-look")), sha256.Sum256([]byte("token-shop")), sha256.Sum256([]byte("token-lounge")), sha256.Sum256([]byte("s3cret")))
	s.file = harness.WriteConfig(t, t.TempDir(), s.config)
	s.program = harness.LaunchLinked(t, s.file)
	var err error
	s.user, err = s.server.Login(t.Context(), "alice", hostile)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.user.Close() })
	return s
}

// up starts the bot, and the wrong ones.
func (s *stage) up() {
	l, err := net.Listen("tcp", s.address)
	require.NoError(s.t, err)
	web := http.NewServeMux()
	web.HandleFunc("/hook", s.bot.Serve)
	web.Handle("/wrong", s.wrong)
	s.hook = &http.Server{Handler: web}
	go func(h *http.Server) { _ = h.Serve(l) }(s.hook) // its error is that of Close
}

// down ends the bot and its connections.
func (s *stage) down() {
	if s.hook != nil {
		_ = s.hook.Close()
		s.hook = nil
	}
}

// order is what the page's test wants to happen.
type order struct {
	Do          string
	To, Text    string
	Texts       []string
	Status      int
	ContentType string
}

// follow does what an order says.
func (s *stage) follow(o order) error {
	switch o.Do {
	case "say":
		for _, text := range append(o.Texts, o.Text) {
			if text == "" {
				continue
			}
			var b strings.Builder
			if err := xml.EscapeText(&b, []byte(text)); err != nil {
				return err
			}
			if err := s.user.SendRaw(fmt.Sprintf("<message to='%s' type='chat'><body>%s</body></message>", o.To, b.String())); err != nil {
				return err
			}
		}
	case "hear": // the user has got this, or gets it
		ctx, cancel := context.WithTimeout(s.t.Context(), harness.Patience)
		defer cancel()
		_, err := s.user.Next(ctx, func(r lab.Received) bool { return strings.Contains(r.Inner, o.Text) })
		return err
	case "raw": // the user sends this
		return s.user.SendRaw(o.Text)
	case "answered": // the user has the answer of this id, or gets it
		ctx, cancel := context.WithTimeout(s.t.Context(), harness.Patience)
		defer cancel()
		r, err := s.user.Next(ctx, func(r lab.Received) bool { return r.Kind == "iq" && r.ID == o.Text })
		if err == nil && r.Type != "result" {
			err = fmt.Errorf("the answer is an error: %s", r.Inner)
		}
		return err
	case "answer": // 200 without a text is the echo
		if o.Status == http.StatusOK && o.Text == "" {
			s.bot.AnswerWith(nil)
			return nil
		}
		s.bot.AnswerWith(func(h *harness.Hook) (int, string, string) {
			if o.Text == "" { // the bot quotes its user
				return o.Status, o.ContentType, h.Body
			}
			return o.Status, o.ContentType, o.Text
		})
	case "bot down":
		s.down()
	case "bot up":
		s.up()
	case "stop":
		s.program.Stop()
	case "start":
		s.program = harness.LaunchLinked(s.t, s.file)
	case "break":
		return os.WriteFile(s.file, []byte(strings.Replace(s.config, "name: echo", "nam: echo", 1)), 0o600)
	case "repair":
		return os.WriteFile(s.file, []byte(s.config), 0o600)
	case "when": // the answer is when a wrong bot had answered
	case "contacts":
		s.app.Want("bob", o.Text)
	default:
		return fmt.Errorf("%q is no order", o.Do)
	}
	return nil
}

// given is an order with whom to tell when it is done.
type given struct {
	*stage
	order
	done chan error
}

// control serves the orders of the pages' test, for the goroutine of the Go test.
func control(ctx context.Context, stages map[string]*stage, orders chan<- given) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g := given{stage: stages[strings.Trim(r.URL.Path, "/")], done: make(chan error, 1)}
		if err := json.NewDecoder(r.Body).Decode(&g.order); err != nil || g.stage == nil {
			http.Error(w, fmt.Sprintf("%s: %v", r.URL.Path, err), http.StatusBadRequest)
			return
		}
		select {
		case orders <- g:
		case <-ctx.Done():
			return
		}
		if err := <-g.done; err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if at := g.wrong.Answered(g.Text); g.Do == "when" && !at.IsZero() {
			fmt.Fprintf(w, `{"answered":%d}`, at.UnixMilli())
		}
	})
}
