//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// others are Prosody's modules that do the same, for a Prosody that has them beside
// our component.
type others struct {
	dir   string // their source
	own   string // a directory with all that Prosody needs
	token string // a file with mod_rest's
	port  string // of Prosody's HTTP server
}

// modulesAtHand returns the modules of the directory MODULES; nil if that is not set.
func modulesAtHand(t testing.TB) *others {
	t.Helper()
	dir := os.Getenv("MODULES")
	if dir == "" {
		t.Log("MODULES names no directory with the Prosody modules: ours is measured alone")
		return nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	own := t.TempDir()
	m := &others{dir: dir, own: own, token: filepath.Join(own, "token"), port: harness.FreePort(t)}
	for _, name := range []string{"mod_rest", "mod_component_http", "mod_post_msg", "mod_http_roster_admin", "mod_block_subscriptions"} {
		if _, err := os.Stat(filepath.Join(dir, name, name+".lua")); err != nil {
			t.Fatalf("MODULES=%s: %v", dir, err)
		}
		if err := os.Symlink(filepath.Join(dir, name), filepath.Join(own, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(own, "mod_bench_token.lua"), []byte(benchToken), 0o600); err != nil {
		t.Fatal(err)
	}
	return m
}

// benchToken is a module that writes a token for its component into a file, as mod_rest
// on a component takes nothing else.
const benchToken = `
local tokens = module:depends("tokenauth");
local f = assert(io.open(module:get_option_string("bench_token_file"), "w"));
f:write((tokens.create_jid_token(module.host, module.host, "prosody:operator", 3600)));
f:close();
`

// join puts the modules into the options of a Prosody: mod_rest at
// modrest.localhost and mod_component_http at modhttp.localhost, with a bot, and
// mod_post_msg at the users' host.
func (m *others) join(o *lab.Options, bot string) {
	o.Modules, o.PluginPath = append(o.Modules, "post_msg"), m.own
	o.Edit = func(config []byte) ([]byte, error) {
		text := strings.Replace(string(config), "http_ports = { }", fmt.Sprintf(`http_ports = { %s }; http_interfaces = { "127.0.0.1" }`, m.port), 1)
		return fmt.Appendf(nil, `%s
Component "modrest.localhost" "rest"
	modules_enabled = { "bench_token" }
	bench_token_file = %q
	rest_callback_url = %[3]q
	rest_callback_content_type = "application/json"
Component "modhttp.localhost" "component_http"
	component_post_url = %[3]q
`, text, m.token, bot), nil
	}
}

// restToken is mod_rest's, once Prosody has started.
func (m *others) restToken(t testing.TB) string {
	t.Helper()
	var token string
	harness.Eventually(t, "a token of mod_rest", func() bool {
		data, err := os.ReadFile(m.token)
		token = string(data)
		return err == nil && token != ""
	})
	return token
}
