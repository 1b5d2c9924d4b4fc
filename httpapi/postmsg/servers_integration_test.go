//go:build integration

package postmsg_test

import (
	"context"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/component/privilege"
	"stanzahook/deploy/lab"
	"stanzahook/httpapi"
	"stanzahook/httpapi/postmsg"
	"stanzahook/pkg/account"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
)

// linkSender sends over a link and waits for the confirmation.
type linkSender struct{ *component.Link }

func (l linkSender) Send(ctx context.Context, s *stanza.Stanza) error {
	done := make(chan error, 1)
	if err := l.Link.Send(s, func(err error) { done <- err }); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// bridge is all of it in front of a real server; it returns the URL. The
// component has a privilege at the server or not.
func bridge(t *testing.T, s *lab.Server, privileged bool) string {
	t.Helper()
	domain := "plain.localhost"
	if privileged {
		domain = "bots.localhost"
	}
	k := &privilege.Keeper{Log: zap.NewNop()}
	l := component.New(component.Options{Domain: jid.MustParse(domain), Addr: s.ComponentAddr(), Secret: secret.New("secret"), Log: zap.NewNop(), Handler: k})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { l.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	if err := l.WaitConnected(ctx); err != nil {
		t.Fatal(err)
	}
	if privileged {
		for deadline := time.Now().Add(10 * time.Second); !k.Granted("localhost").MaySend(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the server grants %v", k.All())
			}
		}
	}
	pool := account.NewPool(account.Dialer{Server: s.ClientAddr(), Mode: account.None, Timeout: 5 * time.Second}, 10, time.Minute)
	t.Cleanup(pool.Close)
	srv := httpapi.New(httpapi.Options{Listen: "127.0.0.1:0", Tokens: tokens(t)}, postmsg.New(postmsg.Options{
		Sender: linkSender{l}, Domains: func() []jid.JID { return []jid.JID{jid.MustParse(domain)} },
		Accounts: pool, Hosts: []string{"localhost"},
		Privileged: &privilege.Messages{Routes: []privilege.Route{{Keeper: k, Domain: jid.MustParse(domain)}}, Deliver: linkSender{l}.Send},
	}))
	addr, err := srv.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Stop(context.Background()) })
	return "http://" + addr
}

// curl runs a line as people write it, and returns the status.
func curl(t *testing.T, url, line string) string {
	t.Helper()
	line = strings.NewReplacer("http://example.com:5280", url, "@example.com", "@localhost").Replace(line)
	out, err := exec.CommandContext(t.Context(), "sh", "-c", line+` -s -o /dev/null -w '%{http_code}'`).Output()
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return string(out)
}

func TestRealServers(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("this test needs curl; deploy/lab/install.sh tests installs it")
	}
	for _, kind := range []lab.Kind{lab.Prosody, lab.Ejabberd} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
			defer cancel()
			s, err := lab.Start(ctx, lab.Options{Kind: kind, Users: map[string]string{"me": "mypassword", "user": "pw"}, Components: []lab.Component{
				{Domain: "bots.localhost", Secret: "secret", Privileged: true}, {Domain: "plain.localhost", Secret: "secret"},
			}})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			user, err := s.Login(ctx, "user", "desk")
			if err != nil {
				t.Fatal(err)
			}
			defer user.Close()
			for name, privileged := range map[string]bool{"privilege": true, "session": false} {
				t.Run(name, func(t *testing.T) { curlLines(t, bridge(t, s, privileged), user, privileged) })
			}
			t.Run("refused", func(t *testing.T) { refusedPrivilege(t, s) })
			t.Run("down", func(t *testing.T) {
				url := bridge(t, s, false)
				if got := curl(t, url, readme); got != "201" {
					t.Fatal(got)
				}
				if err := s.Stop(ctx); err != nil {
					t.Fatal(err)
				}
				if got := curl(t, url, strings.Replace(readme, "mypassword", "another", 1)); got != "503" {
					t.Errorf("a login without a server: %s", got)
				}
				if got := curl(t, url, readme); got != "503" {
					t.Errorf("a message without a server: %s", got)
				}
			})
		})
	}
}

// readme is the line of the module's README, as it stands.
const readme = `curl http://example.com:5280/msg/user -u me@example.com:mypassword -H "Content-Type: text/plain" -d "Server@host has just crashed!"`

func curlLines(t *testing.T, url string, user *lab.Client, privileged bool) {
	for _, tc := range []struct{ line, kind, body, inner string }{
		{readme, "chat", "Server@host has just crashed!", ""},
		{strings.Replace(readme, "/msg/user", "/msg/user@example.com", 1), "chat", "Server@host has just crashed!", ""},
		{`curl http://example.com:5280/msg -u me@example.com:mypassword -d to=user@example.com -d type=headline --data-urlencode 'body=a & b <c>'`, "headline", "a & b <c>", ""},
		{`curl http://example.com:5280/msg/user -u me@example.com:mypassword --data-urlencode 'html=<p>rich <b>text</b></p>' -d body=plain`, "chat", "plain", "http://jabber.org/protocol/xhtml-im"},
		{`curl http://example.com:5280/msg/ -u me@example.com:mypassword -H "Content-Type: application/json; charset=utf-8" -d '{"to":"user","body":"gr\u00fc\u00dfe"}'`, "chat", "grüße", ""},
	} {
		if got := curl(t, url, tc.line); got != "201" {
			t.Errorf("%s: %s", tc.line, got)
			continue
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		m, err := user.Next(ctx, func(r lab.Received) bool { return r.Kind == "message" && r.Body != "" })
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		bare, _, full := strings.Cut(m.From, "/")
		if bare != "me@localhost" || full == privileged || m.Type != tc.kind || m.Body != tc.body || m.ID == "" || !strings.Contains(m.Inner, tc.inner) {
			t.Errorf("%s: the client got %+v", tc.line, m)
		}
	}
	for line, want := range map[string]string{
		strings.Replace(readme, "mypassword", "wrong", 1):                        "401",
		strings.Replace(readme, "me@example.com:mypassword", "me:mypassword", 1): "403",
		strings.Replace(readme, "/msg/user", "/msg", 1):                          "422",
		strings.Replace(readme, "text/plain", "text/html", 1):                    "415",
		strings.Replace(readme, "-d ", "-X OPTIONS -d ", 1):                      "200",
		strings.Replace(readme, "/msg/user", "/msg/nobody", 1):                   "201", // as in the module
	} {
		if got := curl(t, url, line); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
	var last string
	for range 5 {
		last = curl(t, url, strings.Replace(readme, "mypassword", "guess", 1))
	}
	if last != "429" {
		t.Errorf("the sixth wrong password: %s", last)
	}
}

// A privilege that the server refuses is told before the confirmation: it does
// not send in the name of a full address.
func refusedPrivilege(t *testing.T, s *lab.Server) {
	k := &privilege.Keeper{Log: zap.NewNop()}
	l := component.New(component.Options{Domain: jid.MustParse("bots.localhost"), Addr: s.ComponentAddr(), Secret: secret.New("secret"), Log: zap.NewNop(), Handler: k})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	var wg sync.WaitGroup
	wg.Go(func() { l.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	for !k.Granted("localhost").MaySend() {
		select {
		case <-ctx.Done():
			t.Fatal("nothing is granted")
		case <-time.After(time.Millisecond):
		}
	}
	m := &privilege.Messages{Routes: []privilege.Route{{Keeper: k, Domain: l.Domain()}}, Deliver: linkSender{l}.Send}
	for range 50 {
		message, err := stanza.Chat(jid.MustParse("me@localhost/desk"), jid.MustParse("user@localhost"), "refused", "must not arrive")
		if err != nil {
			t.Fatal(err)
		}
		if done, err := m.Send(ctx, message); done || err == nil || !strings.Contains(err.Error(), "forbidden") {
			t.Fatalf("%v %v", done, err)
		}
	}
}
