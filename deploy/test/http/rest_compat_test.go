//go:build integration && compat

package http

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/httpapi/rest/conformance"
)

// TestRestCompat sends the cases of the surface's own tests to a mod_rest and
// lists where it answers otherwise. MODULES is a directory with mod_rest in it,
// which Prosody loads. Differences do not fail the test: they are what it is for.
func TestRestCompat(t *testing.T) {
	modules := os.Getenv("MODULES")
	if _, err := os.Stat(filepath.Join(modules, "mod_rest", "mod_rest.lua")); modules == "" || err != nil {
		t.Fatalf("MODULES=%q: name a directory that has mod_rest/mod_rest.lua in it", modules)
	}
	m := startModRest(t, modules)
	u := harness.Login(t, m.server, "olivia")
	same, other := 0, 0
	for _, c := range restCases(t) {
		if (c.As != "all" && c.As != "nobody") || strings.Contains(c.Body, "$") || c.Header.Get("Authorization") != "" {
			continue // about tokens of ours, or written for a program
		}
		if err := m.differs(t, &c, u); err != nil {
			other++
			t.Logf("%s: %s\n%s %s\n%s\n-- %v", c.File, c.Title, c.Method, c.Path, c.Body, err)
		} else {
			same++
		}
	}
	t.Logf("%d cases alike, %d not", same, other)
}

// modRest is a Prosody with a component of mod_rest.
type modRest struct {
	server *lab.Server
	url    string
	token  string
}

// issueToken is a module that writes a token for the component into a file, as
// mod_rest on a component of Prosody 0.12 takes nothing else.
const issueToken = `
local tokens = module:depends("tokenauth");
local f = assert(io.open(module:get_option_string("compat_token_file"), "w"));
f:write((tokens.create_jid_token(module.host, module.host, "prosody:operator", 3600)));
f:close();
`

// wrapper is a prosody that has another configuration than it is told.
const wrapper = `#!/bin/sh
set -eu
sed -i 's|^http_ports = .*|http_ports = { PORT }; http_interfaces = { "127.0.0.1" }; http_default_host = "rest.localhost"; plugin_paths = { "MODULES", "OWN" }|' "$3"
cat >>"$3" <<'END'
Component "rest.localhost" "rest"
	modules_enabled = { "compat_token" }
	compat_token_file = "TOKEN"
END
exec PROSODY "$@"
`

func startModRest(t *testing.T, modules string, domains ...string) *modRest {
	t.Helper()
	prosody, err := exec.LookPath("prosody")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	modules, err = filepath.Abs(modules)
	if err != nil {
		t.Fatal(err)
	}
	own, token := filepath.Join(dir, "modules"), filepath.Join(dir, "token")
	if err := os.MkdirAll(own, 0o700); err != nil {
		t.Fatal(err)
	}
	script := strings.NewReplacer("PORT", strconv.Itoa(port), "MODULES", modules, "OWN", own, "TOKEN", token, "PROSODY", prosody).Replace(wrapper)
	for name, text := range map[string]string{filepath.Join(own, "mod_compat_token.lua"): issueToken, filepath.Join(dir, "prosody"): script} {
		if err := os.WriteFile(name, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	s := harness.StartServer(t, harness.ServerOptions(lab.Prosody, domains...))
	m := &modRest{server: s, url: "http://127.0.0.1:" + strconv.Itoa(port)}
	harness.Eventually(t, "a token", func() bool {
		data, err := os.ReadFile(token)
		m.token = string(data)
		return err == nil && len(data) > 0
	})
	return m
}

// differs sends a case and says in what the module is different.
func (m *modRest) differs(t *testing.T, c *conformance.Case, u harness.User) error {
	t.Helper()
	if c.As != "nobody" {
		c.Header.Set("Authorization", "Bearer "+m.token)
	}
	if c.Header.Get("Prosody-Rest-Timeout") == "" {
		c.Header.Set("Prosody-Rest-Timeout", "2")
	}
	if c.Condition != "" && c.Header.Get("Accept") == "" { // there the default is HTML
		c.Header.Set("Accept", "application/json")
	}
	r := sendCase(t, m.url, c)
	if strings.HasPrefix(r.Body, "<!DOCTYPE html>") { // the one thing it says
		_, page, _ := strings.Cut(r.Body, `<p class="extra">`)
		text, _, _ := strings.Cut(page, "</p>")
		r.Body = "HTML: " + text
	}
	if strings.HasPrefix(c.Sent, "<iq") { // clients put their language into answers
		r.Body = strings.NewReplacer(" xml:lang='en'", "", `"lang":"en",`, "", `,"lang":"en"`, "").Replace(r.Body)
	}
	if len(c.Received) > 0 && !c.Is("real") {
		// What the case lets the server answer is not what this one answers.
		if r.Status != c.Status {
			return errors.New("status " + strconv.Itoa(r.Status) + ", ours " + strconv.Itoa(c.Status) + ": " + r.Body)
		}
		return nil
	}
	if err := c.CheckAnswer(r.Status, r.Header.Get("Content-Type"), r.Body); err != nil {
		return err
	}
	want, _, _ := strings.Cut(c.Sent, ">")
	if c.Sent == "" || strings.HasPrefix(c.Sent, "<iq") || !strings.Contains(want, "to='olivia@localhost") {
		return nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, id, _ := strings.Cut(want, " id='")
	id, _, _ = strings.Cut(id, "'")
	got, err := u.Next(ctx, func(r lab.Received) bool {
		return r.ID == id || id == "*" && conformance.Contains(c.Sent, received(r))
	})
	switch {
	case err != nil:
		return errors.New("the user gets nothing like it; from us " + c.Sent)
	case !conformance.Contains(c.Sent, received(got)):
		return errors.New("the user gets\n" + received(got) + "\nfrom us\n" + c.Sent)
	}
	return nil
}
