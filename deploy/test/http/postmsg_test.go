//go:build integration

package http

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// postMsgConfig has one component, which the server may have given privileges,
// and lets the accounts of the server use /msg.
const postMsgConfig = `
components:
  - {domain: %s, server: "%s", secret: %s}
endpoints:
  - {name: none, url: "http://127.0.0.1:9/"}
http:
  listen: 127.0.0.1:0
  tokens: [{name: all, hash: "sha256:%x", scopes: [send]}]
  basic: {accounts: {server: "%s", hosts: [localhost], tls: none}}
store: {dir: store}
drain: 5s
`

// The whole program behind the curl lines of mod_post_msg's README.
func TestPostMsg(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("this test needs curl; deploy/lab/install.sh tests installs it")
	}
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		o := harness.ServerOptions(kind, "msg")
		o.Components = append(o.Components, lab.Component{Domain: "privileged.localhost", Secret: harness.Secret, Privileged: true})
		s := harness.StartServer(t, harness.WithRooms(o))
		triesAccounts(t, s)
		for _, domain := range []string{"privileged.localhost", "msg.localhost"} {
			t.Run(domain, func(t *testing.T) { postMsg(t, s, domain) })
		}
	})
}

// triesAccounts: check --live says that passwords can be checked, and what is missing
// where the server has no TLS.
func triesAccounts(t *testing.T, s *lab.Server) {
	t.Helper()
	for mode, want := range map[string]string{"none": "ok", "starttls": "fail", "direct": "fail"} {
		config := strings.Replace(postMsgText(s, "msg.localhost"), "tls: none", "tls: "+mode, 1)
		file := harness.WriteConfig(t, t.TempDir(), config)
		_, out, errs := harness.RunProgram(t, nil, "check", "--live", "--json", "--config", file)
		var got harness.CheckAnswer
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatalf("%v: %s%s", err, out, errs)
		}
		at := slices.IndexFunc(got.Checks, func(c harness.Check) bool { return c.What == "accounts" })
		if at < 0 || got.Checks[at].Verdict != want {
			t.Errorf("%s: %s", mode, out)
		}
	}
}

func postMsgText(s *lab.Server, domain string) string {
	return fmt.Sprintf(postMsgConfig, domain, s.ComponentAddr(), harness.Secret, sha256.Sum256([]byte("token-all")), s.ClientAddr())
}

func postMsg(t *testing.T, s *lab.Server, domain string) {
	dir := t.TempDir()
	file := harness.WriteConfig(t, dir, postMsgText(s, domain))
	p := harness.LaunchLinked(t, file)
	privileged := domain == "privileged.localhost"
	if privileged {
		harness.Eventually(t, "privileges granted", func() bool {
			return strings.Contains(p.Log.String(), "privileges granted")
		})
		r, err := p.Call("GET", "/v1/status", "token-all", "", "")
		if err != nil || !strings.Contains(r.Body, "message=outgoing") {
			t.Errorf("the status does not say so: %v %+v", err, r)
		}
	}
	bob := harness.Login(t, s, "bob")
	const crashed = "Server@host has just crashed!"
	account := "-u 'alice@localhost:" + harness.Password + "'"
	line := "curl http://" + p.Addr + "/msg/bob " + account + ` -H "Content-Type: text/plain" -d "` + crashed + `"`
	with := func(old, new string) string { return strings.Replace(line, old, new, 1) }
	curl := func(line string) string {
		ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
		defer cancel()
		out, err := exec.CommandContext(ctx, "sh", "-c", line+" -s -o /dev/null -w '%{http_code}'").Output()
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		return string(out)
	}
	for _, tc := range []struct{ line, from, kind, body, inner string }{
		{line, "alice@localhost", "chat", crashed, ""},
		{with("/msg/bob", "/msg/bob@localhost"), "alice@localhost", "chat", crashed, ""},
		{strings.Replace(with(account, "-H 'Authorization: Bearer token-all'"), "/msg/bob", "/msg/bob@localhost", 1), domain, "chat", crashed, ""},
		{"curl http://" + p.Addr + "/msg " + account + " -d to=bob@localhost -d type=headline --data-urlencode 'body=a & b <c>'", "alice@localhost", "headline", "a & b <c>", ""},
		{"curl http://" + p.Addr + "/msg/bob " + account + " --data-urlencode 'html=<p>rich <b>text</b></p>' -d body=plain", "alice@localhost", "chat", "plain", "http://jabber.org/protocol/xhtml-im"},
		{"curl http://" + p.Addr + "/msg/ " + account + ` -H "Content-Type: application/json; charset=utf-8" -d '{"to":"bob","body":"gr\u00fc\u00dfe"}'`, "alice@localhost", "chat", "grüße", ""},
	} {
		if status := curl(tc.line); status != "201" {
			t.Fatalf("%s: %s", tc.line, status)
		}
		m := bob.Await("the message", func(r lab.Received) bool { return r.Kind == "message" && r.Body != "" })
		bare, _, full := strings.Cut(m.From, "/")
		if bare != tc.from || full != (tc.from == "alice@localhost" && !privileged) || m.Body != tc.body || m.Type != tc.kind || m.ID == "" || !strings.Contains(m.Inner, tc.inner) {
			t.Errorf("the client got %+v", m)
		}
	}
	for line, want := range map[string]string{
		with(harness.Password, "wrong"):  "401",
		with("alice@localhost", "alice"): "403",
		with("/msg/bob", "/msg"):         "422",
		with("text/plain", "text/html"):  "415",
		with("-d ", "-X OPTIONS -d "):    "200",
		with("/msg/bob", "/msg/nobody"):  "201", // as in the module
	} {
		if got := curl(line); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
	last := ""
	for range 5 {
		last = curl(with(harness.Password, "guess"))
	}
	if last != "429" {
		t.Errorf("the sixth wrong password: %s", last)
	}
	// What comes back before the server has confirmed the message is told.
	for to, condition := range map[string]string{"nobody@localhost": "service-unavailable", "lounge@rooms.localhost": ""} {
		r, err := p.Call("POST", "/msg/"+to, "token-all", "text/plain", "hello")
		if err == nil && r.Status == 201 && strings.Contains(to, "rooms.") && s.Kind() == lab.Ejabberd {
			continue // whose rooms are processes of their own, and may answer later
		}
		if err != nil || r.Status != 422 || !strings.HasPrefix(r.Body, to+" answered with the error ") || !strings.Contains(r.Body, condition) {
			t.Errorf("%s: %v %+v", to, err, r)
		}
	}
	if !privileged {
		known := with("alice@localhost", "bob@localhost")
		if got := curl(known); got != "201" {
			t.Fatal(got)
		}
		if err := s.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{known, with("alice@localhost", "carol@localhost")} { // a message, and a login
			if got := curl(line); got != "503" {
				t.Errorf("without a server: %s", got)
			}
		}
	}
	if strings.Contains(p.Log.String(), harness.Password) {
		t.Error("the log has the password in it")
	}
	p.StopWell()
}
